#include "function/replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "broker/topic_reader.h"
#include "function/commit_draft.h"
#include "function/decide_all.h"
#include "function/function.h"
#include "host/check.h"
#include "host/clock.h"
#include "telemetry/log.h"

namespace afluente::function {
namespace {

constexpr size_t kBatchMessages = 2'048;
constexpr size_t kBatchBytes = 8 << 20;
// Live messages go first, but a stream of them without end does not stop a replay.
constexpr std::chrono::milliseconds kPatience{500};

}  // namespace

absl::StatusOr<warehouse::TableName> ParseTableName(const std::string& text) {
  if (text.empty()) return warehouse::TableName();
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  if (parts.size() != 3 || parts[0].empty() || parts[1].empty() || parts[2].empty()) {
    return absl::InvalidArgumentError("expected project.dataset.table, found " + text);
  }
  return warehouse::TableName{parts[0], parts[1], parts[2]};
}

Replay::Replay(Function& function, TransformSource source, MakeTable make_table,
               const host::Clock& clock)
    : function_(function),
      source_(std::move(source)),
      make_table_(std::move(make_table)),
      clock_(clock) {}

Replay::~Replay() { Stop(); }

void Replay::Resume() {
  const State state = function_.state();
  if (!state.replay) return;
  absl::MutexLock lock(&mutex_);
  if (progress_.running) return;
  if (thread_.joinable()) thread_.join();
  stopped_ = false;
  progress_ = {true, state.replay->next, state.replay->end, state.replay->messages, ""};
  thread_ = std::thread([this, from = *state.replay] { Run(from); });
}

void Replay::Stop() {
  stopped_ = true;
  std::thread thread;
  {
    absl::MutexLock lock(&mutex_);
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

Replay::Progress Replay::progress() const {
  absl::MutexLock lock(&mutex_);
  return progress_;
}

absl::StatusOr<uint64_t> Replay::FirstSequence(const Request& request) const {
  const State state = function_.state();
  // Opened at the end, it tells what is retained.
  AFLUENTE_ASSIGN_OR_RETURN(const auto end_reader, function_.OpenReader(state.position.sequence));
  const uint64_t first = end_reader->first_sequence();
  if (request.from_sequence) {
    if (*request.from_sequence >= first) return *request.from_sequence;
    return absl::OutOfRangeError(absl::StrCat("message ", *request.from_sequence,
                                              " is not retained; the first that is: ", first));
  }
  if (!request.from_time) return absl::InvalidArgumentError("expected a sequence or a time");
  // Publish times never fall: the first of that time or later is found by halves.
  AFLUENTE_ASSIGN_OR_RETURN(const auto reader, function_.OpenReader(first - 1));
  uint64_t low = first;
  uint64_t high = reader->last_sequence() + 1;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    AFLUENTE_ASSIGN_OR_RETURN(const auto batch, reader->Read(middle - 1, 1, kBatchBytes));
    if (batch.empty()) return absl::DataLossError("the journal ends early");
    if (batch.front()->publish_time < *request.from_time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::Status Replay::Start(const Request& request) {
  if (progress().running || function_.state().replay) {
    return absl::FailedPreconditionError("a replay of function " + function_.settings().name +
                                         " is running");
  }
  const bool beside = !request.into.table.empty() && request.into != function_.settings().table;
  if (function_.settings().table.table.empty() && !beside) {
    return absl::FailedPreconditionError("function " + function_.settings().name +
                                         " stores for itself and has no table");
  }
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t first, FirstSequence(request));
  AFLUENTE_RETURN_IF_ERROR(function_.OpenReader(first - 1).status());
  if (beside) AFLUENTE_RETURN_IF_ERROR(make_table_(request.into));
  AFLUENTE_RETURN_IF_ERROR(
      function_.CommitBeside(EmptyCommit(function_.settings()), [&](State& state) {
        if (state.replay) return absl::FailedPreconditionError("a replay is running");
        if (first > state.position.sequence) return absl::OkStatus();
        state.replay =
            ReplayState{first, state.position.sequence, beside ? request.into.ToString() : "", 0};
        return absl::OkStatus();
      }));
  Resume();
  return absl::OkStatus();
}

void Replay::Run(ReplayState from) {
  const absl::Status status = RunBatches(std::move(from));
  absl::MutexLock lock(&mutex_);
  progress_.running = false;
  if (status.ok()) return;
  progress_.error = std::string(status.message());
  telemetry::Log(telemetry::Severity::kError, "a replay ended early",
                 {{"function", function_.settings().name}, {"error", status.ToString()}});
}

void Replay::AwaitLiveMessages() const {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!stopped_ && function_.progress().unread > 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

absl::Status Replay::RunBatches(ReplayState at) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto transform, source_({}));
  AFLUENTE_ASSIGN_OR_RETURN(const auto reader, function_.OpenReader(at.next - 1));
  const Settings& settings = function_.settings();
  while (at.next <= at.end && !stopped_) {
    AwaitLiveMessages();
    AFLUENTE_ASSIGN_OR_RETURN(const auto batch,
                              reader->Read(at.next - 1, kBatchMessages, kBatchBytes));
    if (batch.empty()) return absl::DataLossError("the journal ends before the replay's end");
    // What waits is the worker's.
    const State state = function_.state();
    std::vector<Attempt> attempts;
    uint64_t last = at.next;
    for (const auto& message : batch) {
      if (message->sequence > at.end) break;
      last = message->sequence;
      if (!settings.filter.Matches(message->attributes)) continue;
      if (state.waiting.Find(message->sequence) == nullptr) attempts.push_back({message, 1});
    }
    std::vector<Decision> decisions =
        DecideAll(*transform, std::move(attempts), settings.retry, stopped_);
    if (stopped_) return absl::OkStatus();
    at.messages += static_cast<int64_t>(decisions.size());
    at.next = last + 1;
    AFLUENTE_RETURN_IF_ERROR(Commit(std::move(decisions), at));
    absl::MutexLock lock(&mutex_);
    progress_.next = at.next;
    progress_.messages = at.messages;
  }
  return absl::OkStatus();
}

absl::Status Replay::Commit(std::vector<Decision> decisions, const ReplayState& after) {
  CommitDraft draft(function_.settings(), clock_);
  for (Decision& decision : decisions) draft.Replace(decision);
  warehouse::FunctionCommit commit = std::move(draft.commit());
  if (!after.into.empty()) {
    AFLUENTE_ASSIGN_OR_RETURN(commit.table, ParseTableName(after.into));
    commit.beside = true;
    commit.counters = {};
    commit.dead_letters.clear();
    commit.outbox.clear();
  }
  const absl::Status status = function_.CommitBeside(commit, [&](State& state) {
    if (!state.replay) return absl::CancelledError("the topic was replaced");
    state.replay = after;
    if (after.next > after.end) state.replay.reset();
    return absl::OkStatus();
  });
  if (!absl::IsInvalidArgument(status) || commit.rows.empty()) return status;
  // A row that the table refuses: halves, until the guilty message stands alone. The position is
  // that of the whole batch's end only with the last of them.
  draft.commit() = std::move(commit);
  draft.GiveBack(decisions);
  if (decisions.size() == 1) {
    decisions[0].outcome = Outcome::Failed(std::string(status.message()));
    return Commit(std::move(decisions), after);
  }
  const auto middle = decisions.begin() + decisions.size() / 2;
  std::vector<Decision> second(std::make_move_iterator(middle),
                               std::make_move_iterator(decisions.end()));
  decisions.erase(middle, decisions.end());
  ReplayState between = after;
  between.next = second.front().attempt.message->sequence;
  AFLUENTE_RETURN_IF_ERROR(Commit(std::move(decisions), between));
  return Commit(std::move(second), after);
}

}  // namespace afluente::function
