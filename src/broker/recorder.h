#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "broker/records.h"
#include "event/message.h"

namespace afluente::broker {

// A message that failed too often, for its subscription's dead-letter topic.
struct DeadLetter {
  std::string topic;
  event::Draft draft;
  uint64_t subscription = 0;  // its incarnation
  uint64_t sequence = 0;      // of the failed message
};

// Port: puts a record into the journal and applies it. `done` gets what applying it answered, on
// the journal's thread, after the sync; or the journal's refusal.
class Recorder {
 public:
  virtual ~Recorder() = default;
  using Done = absl::AnyInvocable<void(absl::Status)>;
  virtual void Append(Record record, Done done) = 0;
  // Publishes the dead letter and acks the failed message in one record. NOT_FOUND when its topic
  // does not exist (then before it returns); OK also when the message was acked before.
  virtual void Bury(DeadLetter letter, Done done) = 0;
};

// The same, for callers that may block.
absl::Status AppendAndWait(Recorder& recorder, Record record);

}  // namespace afluente::broker
