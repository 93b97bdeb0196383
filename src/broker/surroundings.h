#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "broker/dispatcher.h"
#include "broker/log/journal.h"
#include "broker/records.h"
#include "host/clock.h"

namespace afluente::broker {

// Port: puts a record into the journal and applies it. `done` gets what applying it answered, on
// the journal's thread, after the sync; or the journal's refusal.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void Append(Record record, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

// What topics and subscriptions need around them. Owned by the broker, which outlives them;
// `journal` is set when recovery is over.
struct Surroundings {
  const host::Clock& clock;
  Recorder& recorder;
  Dispatcher& dispatcher;
  const log::Journal* journal = nullptr;
};

}  // namespace afluente::broker
