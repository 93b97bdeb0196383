#include "function/backfill.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "function/commit_draft.h"
#include "function/decide_all.h"
#include "function/function.h"
#include "host/check.h"
#include "host/clock.h"

namespace afluente::function {

uint64_t Backfill::Decided(const std::string& file) const {
  const State state = function_.state();
  const auto found = state.backfills.find(file);
  return found == state.backfills.end() ? 0 : found->second;
}

absl::StatusOr<uint64_t> Backfill::Take(Part part) {
  if (part.file.empty() || part.file.size() > kIdentityBytesMax ||
      part.records.size() > kRecordsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a backfill's part names its file and has at "
                     "most ",
                     kRecordsMax, " records"));
  }
  absl::MutexLock lock(&mutex_);
  const State state = function_.state();
  const auto found = state.backfills.find(part.file);
  if (found == state.backfills.end() && state.backfills.size() >= kFilesMax) {
    return absl::ResourceExhaustedError(absl::StrCat("function ", function_.settings().name,
                                                     " remembers ", kFilesMax,
                                                     " files, and takes no more"));
  }
  const uint64_t decided = found == state.backfills.end() ? 0 : found->second;
  if (part.first > decided) {
    return absl::FailedPreconditionError(
        absl::StrCat(decided, " records of the file are decided; the part begins at ", part.first));
  }
  std::vector<Attempt> attempts;
  const host::WallTime now = clock_.Now();
  const uint64_t end = part.first + part.records.size();
  for (uint64_t number = decided; number < end; ++number) {
    event::Draft& record = part.records[number - part.first];
    if (!function_.settings().filter.Matches(record.attributes)) continue;
    auto message = std::make_shared<event::Message>();
    message->data = std::move(record.data);
    message->attributes = std::move(record.attributes);
    message->ordering_key = std::move(record.ordering_key);
    message->message_id = absl::StrCat("file-", part.file, "-", number);
    message->publish_time = now;
    message->sequence = number;
    attempts.push_back({std::move(message), 1});
  }
  if (end <= decided) return decided;
  AFLUENTE_ASSIGN_OR_RETURN(const auto transform, source_({}));
  const std::atomic<bool> stopped = false;
  std::vector<Decision> decisions =
      DecideAll(*transform, std::move(attempts), function_.settings().retry, stopped);
  AFLUENTE_RETURN_IF_ERROR(Commit(std::move(decisions), part.file, end));
  return end;
}

absl::Status Backfill::Commit(std::vector<Decision> decisions, const std::string& file,
                              uint64_t through) {
  CommitDraft draft(function_.settings(), clock_);
  for (Decision& decision : decisions) draft.Add(decision);
  warehouse::FunctionCommit commit = std::move(draft.commit());
  const absl::Status status = function_.CommitBeside(commit, [&](State& state) {
    state.backfills[file] = through;
    state.backfilled += static_cast<int64_t>(decisions.size());
    return absl::OkStatus();
  });
  if (!absl::IsInvalidArgument(status) || commit.rows.empty()) return status;
  // A row that the table refuses: halves, until the guilty record stands alone.
  draft.commit() = std::move(commit);
  draft.GiveBack(decisions);
  if (decisions.size() == 1) {
    decisions[0].outcome = Outcome::Failed(std::string(status.message()));
    return Commit(std::move(decisions), file, through);
  }
  const auto middle = decisions.begin() + decisions.size() / 2;
  std::vector<Decision> second(std::make_move_iterator(middle),
                               std::make_move_iterator(decisions.end()));
  decisions.erase(middle, decisions.end());
  const uint64_t between = second.front().attempt.message->sequence;
  AFLUENTE_RETURN_IF_ERROR(Commit(std::move(decisions), file, between));
  return Commit(std::move(second), file, through);
}

}  // namespace afluente::function
