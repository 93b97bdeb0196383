#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "broker/records.h"

namespace afluente::broker {

// Port: puts a record into the journal and applies it. `done` gets what applying it answered, on
// the journal's thread, after the sync; or the journal's refusal.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void Append(Record record, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

// The same, for callers that may block.
absl::Status AppendAndWait(Recorder& recorder, Record record);

}  // namespace afluente::broker
