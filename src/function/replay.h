#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "function/transform_source.h"
#include "host/clock.h"
#include "warehouse/table.h"

namespace afluente::function {

struct Decision;
class Function;
struct ReplayState;

// Decides messages anew that a function has decided: each one's rows are replaced and its old
// outcome's counter corrected in one transaction with the replay's position. Owned by roles/; one
// thread of its own while it runs, behind live messages. After a crash it goes on where it was.
class Replay {
 public:
  struct Request {
    std::optional<uint64_t> from_sequence;
    std::optional<host::WallTime> from_time;
    warehouse::TableName into;  // without a table name: the function's own
  };
  struct Progress {
    bool running = false;
    uint64_t next = 0;
    uint64_t end = 0;
    int64_t messages = 0;
    std::string error;  // why the last one ended early
  };
  // Makes the table that rows go to when it is not the function's own.
  using MakeTable = std::function<absl::Status(const warehouse::TableName&)>;

  Replay(Function& function, TransformSource source, MakeTable make_table,
         const host::Clock& clock);
  ~Replay();

  // Goes on with what a former process began.
  void Resume();
  // OUT_OF_RANGE when the first message is not retained any more; FAILED_PRECONDITION while one
  // runs.
  absl::Status Start(const Request& request);
  // The batch at hand is committed; Resume goes on.
  void Stop();
  Progress progress() const;

 private:
  absl::StatusOr<uint64_t> FirstSequence(const Request& request) const;
  void Run(ReplayState from);
  absl::Status RunBatches(ReplayState at);
  absl::Status Commit(std::vector<Decision> decisions, const ReplayState& after);
  void AwaitLiveMessages() const;

  Function& function_;
  const TransformSource source_;
  const MakeTable make_table_;
  const host::Clock& clock_;
  std::atomic<bool> stopped_{false};
  mutable absl::Mutex mutex_;
  Progress progress_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

// "project.dataset.table"; a table without a name for "".
absl::StatusOr<warehouse::TableName> ParseTableName(const std::string& text);

}  // namespace afluente::function
