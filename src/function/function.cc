#include "function/function.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/topics.h"
#include "function/commit_draft.h"
#include "function/function_instruments.h"
#include "function/journal_walk.h"
#include "function/transform.h"
#include "host/check.h"
#include "telemetry/log.h"

namespace afluente::function {
namespace {

constexpr absl::Duration kLookAgain = absl::Seconds(1);
constexpr std::chrono::milliseconds kFirstBackoff{100};
constexpr std::chrono::milliseconds kLongestBackoff{5'000};
// What attempts under way may take once the function is told to stop.
constexpr absl::Duration kStopGrace = absl::Seconds(3);
constexpr absl::Duration kLookAgainStopping = absl::Milliseconds(20);

}  // namespace

struct Function::Wake {
  absl::Mutex mutex;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  absl::Time stopped_at ABSL_GUARDED_BY(mutex);
  bool ready ABSL_GUARDED_BY(mutex) = false;

  void Ready() {
    absl::MutexLock lock(&mutex);
    ready = true;
  }
};

absl::StatusOr<std::unique_ptr<Function>> Function::Create(
    Settings settings, std::unique_ptr<Transform> transform, broker::Topics& topics,
    warehouse::Warehouse& warehouse, const host::Clock& clock, telemetry::Metrics& metrics) {
  std::unique_ptr<Function> function(
      new Function(std::move(settings), std::move(transform), topics, warehouse, clock, metrics));
  AFLUENTE_RETURN_IF_ERROR(function->Open());
  return function;
}

Function::Function(Settings settings, std::unique_ptr<Transform> transform, broker::Topics& topics,
                   warehouse::Warehouse& warehouse, const host::Clock& clock,
                   telemetry::Metrics& metrics)
    : settings_(std::move(settings)),
      transform_(std::move(transform)),
      topics_(topics),
      warehouse_(warehouse),
      clock_(clock),
      instruments_(std::make_unique<FunctionInstruments>(metrics, settings_.name)),
      wake_(std::make_shared<Wake>()) {
  transform_->OnDecided([wake = wake_] { wake->Ready(); });
}

Function::~Function() { Stop(); }

absl::Status Function::Open() {
  bool renamed = false;
  AFLUENTE_ASSIGN_OR_RETURN(std::optional<State> stored, FindStored(renamed));
  absl::MutexLock lock(&step_mutex_);
  const std::string before = stored ? stored->Encode() : std::string();
  if (stored && !stored->removed) {
    AFLUENTE_RETURN_IF_ERROR(GoOn(*std::move(stored)));
  } else {
    AFLUENTE_RETURN_IF_ERROR(Begin(std::move(stored)));
  }
  state_.filter = settings_.filter_text;
  state_.table = settings_.table;
  state_.dead_letter_table = settings_.dead_letter_table;
  ShowProgress();
  warehouse::FunctionCommit commit = EmptyCommit(settings_);
  commit.state = state_.Encode();
  if (renamed) commit.previous_name = settings_.previous_name;
  if (!renamed && *commit.state == before) return absl::OkStatus();
  return warehouse_.Append(commit);
}

absl::StatusOr<std::optional<State>> Function::FindStored(bool& renamed) const {
  AFLUENTE_ASSIGN_OR_RETURN(auto records, warehouse_.Functions());
  std::optional<State> stored;
  std::optional<State> previous;
  for (const warehouse::FunctionRecord& record : records) {
    if (record.state.empty()) continue;
    if (record.function == settings_.name) {
      AFLUENTE_ASSIGN_OR_RETURN(stored, State::Decode(record.state));
    } else if (!settings_.previous_name.empty() && record.function == settings_.previous_name) {
      AFLUENTE_ASSIGN_OR_RETURN(previous, State::Decode(record.state));
    }
  }
  if (stored && previous) {
    return absl::FailedPreconditionError(
        "function " + settings_.name + " cannot go on for " + settings_.previous_name +
        ": both have read messages; take previous_name away, or give it another name");
  }
  renamed = previous.has_value();
  return renamed ? previous : stored;
}

absl::Status Function::GoOn(State stored) {
  const auto refuse = [&](const char* what, const std::string& before) {
    return absl::FailedPreconditionError("function " + settings_.name + " has " + before +
                                         "; changing its " + what + " needs a new name");
  };
  if (stored.topic != settings_.topic) return refuse("topic", "read " + stored.topic);
  // Written by every version that knows it.
  if (!stored.dead_letter_table.table.empty() && stored.table != settings_.table) {
    return refuse("table", "fed " + stored.table.ToString());
  }
  AFLUENTE_RETURN_IF_ERROR(OpenReaders(stored));
  state_ = std::move(stored);
  AFLUENTE_RETURN_IF_ERROR(RestoreKeys());
  // Without that message nothing is known, which is no error.
  if (const uint64_t position = state_.position.sequence; position > 0) {
    const auto newest = audit_reader_->Read(position - 1, 1, 1);
    if (newest.ok() && !newest->empty()) Remember(*newest->front());
  }
  if (state_.filter == settings_.filter_text) return absl::OkStatus();
  // The new filter holds from here on: what came before is counted by the old one.
  return Audit(state_.position.sequence, SIZE_MAX);
}

absl::Status Function::Begin(std::optional<State> removed) {
  AFLUENTE_RETURN_IF_ERROR(OpenReaders(std::nullopt));
  uint64_t first =
      settings_.start_latest ? reader_->last_sequence() : reader_->first_sequence() - 1;
  if (removed) {
    state_ = *std::move(removed);
    state_.removed = false;
    // What it decided, or an operator for it, stays decided.
    const broker::TopicPosition was = state_.position;
    if (reader_->position_at(was.sequence) == was) first = std::max(first, was.sequence);
  }
  state_.position = reader_->position_at(first);
  state_.topic = settings_.topic;
  state_.audited_sequence = first;
  return absl::OkStatus();
}

absl::Status Function::Remove() {
  AFLUENTE_CHECK(!worker_.joinable());
  absl::MutexLock lock(&step_mutex_);
  State next = state_;
  const uint64_t last = reader_->last_sequence();
  AFLUENTE_RETURN_IF_ERROR(Audit(state_.position.sequence, SIZE_MAX));
  const int64_t read = state_.audited_published;
  AFLUENTE_RETURN_IF_ERROR(Audit(last, SIZE_MAX));
  next.audited_sequence = state_.audited_sequence;
  next.audited_published = state_.audited_published;
  next.dropped_by_operator +=
      state_.audited_published - read + static_cast<int64_t>(state_.waiting.size());
  next.position.sequence = last;
  next.waiting = {};
  next.replay.reset();
  next.removed = true;
  Unsettled end{EmptyCommit(settings_), std::move(next)};
  end.commit.state = end.next.Encode();
  return Append(end);
}

absl::Status Function::OpenReaders(const std::optional<State>& stored) {
  auto resume = stored ? std::optional(stored->position) : std::nullopt;
  auto audited = resume;
  // A reader pins where it opens: what waits and what is not audited yet must stay too.
  if (resume) resume->sequence = stored->decided_through();
  if (audited) audited->sequence = stored->audited_sequence;
  AFLUENTE_ASSIGN_OR_RETURN(reader_, topics_.OpenReader(settings_.topic, resume));
  AFLUENTE_ASSIGN_OR_RETURN(audit_reader_, topics_.OpenReader(settings_.topic, audited));
  return absl::OkStatus();
}

absl::Status Function::RestoreKeys() {
  if (!settings_.enable_message_ordering) return absl::OkStatus();
  const WaitingSet::Entries entries = state_.waiting.entries();
  for (const auto& [sequence, entry] : entries) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto message, ReadOne(*reader_, sequence));
    Waiting keyed = entry;
    keyed.key = KeyOf(*message);
    state_.waiting.Erase(sequence);
    state_.waiting.Restore(sequence, std::move(keyed));
  }
  return absl::OkStatus();
}

void Function::Start() {
  AFLUENTE_CHECK(!worker_.joinable());
  worker_ = std::thread([this] { Run(); });
}

void Function::Stop() {
  {
    absl::MutexLock lock(&wake_->mutex);
    if (!wake_->stopped) wake_->stopped_at = absl::Now();
    wake_->stopped = true;
  }
  if (worker_.joinable()) worker_.join();
}

std::optional<host::WallTime> Function::newest_publish_time() const {
  const int64_t micros = newest_publish_micros_;
  if (micros == 0) return std::nullopt;
  return host::WallTime(std::chrono::microseconds(micros));
}

void Function::ShowProgress() {
  std::string last_error;
  for (const auto& [sequence, entry] : state_.waiting.entries()) {
    if (entry.error.empty()) continue;
    last_error = entry.error;
    break;
  }
  absl::MutexLock lock(&progress_mutex_);
  // What is not settled waits too, in memory alone.
  progress_.position = unsettled_ ? unsettled_->next.position.sequence : state_.position.sequence;
  progress_.waiting = state_.waiting.size() + (unsettled_ ? 1 : 0);
  progress_.last_error = std::move(last_error);
  shown_reader_ = reader_.get();
}

Progress Function::progress() const {
  absl::MutexLock lock(&progress_mutex_);
  Progress progress = progress_;
  const uint64_t last = shown_reader_->last_sequence();
  progress.unread = last > progress.position ? last - progress.position : 0;
  return progress;
}

uint64_t Function::backlog() const {
  const Progress now = progress();
  return now.unread + now.waiting;
}

State Function::state() const {
  absl::MutexLock lock(&step_mutex_);
  return state_;
}

absl::StatusOr<std::unique_ptr<broker::TopicReader>> Function::OpenReader(
    uint64_t after_sequence) const {
  absl::MutexLock lock(&step_mutex_);
  broker::TopicPosition from = state_.position;
  from.sequence = after_sequence;
  return topics_.OpenReader(settings_.topic, from);
}

void Function::SleepUnlessStopped(std::chrono::milliseconds duration) {
  absl::MutexLock lock(&wake_->mutex);
  wake_->mutex.AwaitWithTimeout(absl::Condition(&wake_->stopped), absl::FromChrono(duration));
}

bool Function::IsStopping() const {
  absl::MutexLock lock(&wake_->mutex);
  return wake_->stopped;
}

bool Function::MayStop() {
  if (transform_->immediate()) return true;
  {
    absl::MutexLock lock(&wake_->mutex);
    if (absl::Now() - wake_->stopped_at > kStopGrace) return true;
  }
  absl::MutexLock lock(&step_mutex_);
  const auto& entries = state_.waiting.entries();
  return std::none_of(entries.begin(), entries.end(),
                      [](const auto& entry) { return entry.second.in_flight; });
}

void Function::AwaitWork(bool stopping) {
  absl::Duration wait = stopping ? kLookAgainStopping : kLookAgain;
  {
    absl::MutexLock lock(&step_mutex_);
    // A full function is not woken by messages that it cannot take.
    if (state_.waiting.room() > 0 && transform_->capacity() > 0) {
      reader_->Wait(state_.position.sequence, [wake = wake_] { wake->Ready(); });
    }
    if (const auto next = state_.waiting.NextTime()) {
      wait = std::clamp(absl::FromChrono(*next - clock_.Now()), absl::Milliseconds(1), wait);
    }
  }
  absl::MutexLock lock(&wake_->mutex);
  const auto ready =
      +[](Wake* wake) ABSL_NO_THREAD_SAFETY_ANALYSIS { return wake->stopped || wake->ready; };
  const auto ready_to_stop = +[](Wake* wake) ABSL_NO_THREAD_SAFETY_ANALYSIS { return wake->ready; };
  // The deletion of a topic and its successor wake nobody: look now and then.
  wake_->mutex.AwaitWithTimeout(absl::Condition(stopping ? ready_to_stop : ready, wake_.get()),
                                wait);
  wake_->ready = false;
}

void Function::Run() {
  auto backoff = kFirstBackoff;
  while (true) {
    const bool stopping = IsStopping();
    if (stopping && MayStop()) return;
    absl::StatusOr<bool> worked = false;
    {
      absl::MutexLock lock(&step_mutex_);
      worked = Step(stopping);
      ShowProgress();
    }
    if (!worked.ok()) {
      // The backlog stays in the journal; nothing is skipped.
      telemetry::Log(telemetry::Severity::kError, "function cannot go on, will try again",
                     {{"function", settings_.name},
                      {"error", worked.status().ToString()},
                      {"retry_in_ms", std::to_string(backoff.count())}});
      if (stopping) return;
      SleepUnlessStopped(backoff);
      backoff = std::min(backoff * 2, kLongestBackoff);
      continue;
    }
    backoff = kFirstBackoff;
    if (!*worked) AwaitWork(stopping);
  }
}

}  // namespace afluente::function
