#include "broker/recorder.h"

#include <utility>

#include "absl/synchronization/notification.h"

namespace afluente::broker {

absl::Status AppendAndWait(Recorder& recorder, Record record) {
  absl::Status status;
  absl::Notification settled;
  recorder.Append(std::move(record), [&](absl::Status applied) {
    status = std::move(applied);
    settled.Notify();
  });
  settled.WaitForNotification();
  return status;
}

}  // namespace afluente::broker
