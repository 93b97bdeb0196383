#include "function/function.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "function/dead_letter_draft.h"
#include "host/check.h"
#include "telemetry/log.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::function {
namespace {

// The audit follows the worker at this distance, so that it reads sealed, cached parts of the
// journal.
constexpr uint64_t kAuditLag = 1 << 17;
constexpr size_t kAuditChunk = 1 << 15;
constexpr size_t kReadBytesMax = 8 << 20;
constexpr absl::Duration kLookAgain = absl::Seconds(1);
constexpr std::chrono::milliseconds kFirstBackoff{100};
constexpr std::chrono::milliseconds kLongestBackoff{5'000};

// Calls `visit` for each message in (after, through].
template <typename Visit>
absl::Status Walk(broker::TopicReader& reader, uint64_t after, uint64_t through, Visit visit) {
  while (after < through) {
    AFLUENTE_ASSIGN_OR_RETURN(auto batch, reader.Read(after, kAuditChunk, kReadBytesMax));
    if (batch.empty()) {
      return absl::DataLossError("the journal ends before message " + std::to_string(through));
    }
    for (const auto& message : batch) {
      if (message->sequence > through) return absl::OkStatus();
      visit(*message);
      after = message->sequence;
    }
  }
  return absl::OkStatus();
}

}  // namespace

struct Function::Wake {
  absl::Mutex mutex;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  bool ready ABSL_GUARDED_BY(mutex) = false;
};

struct Function::Instruments {
  Instruments(telemetry::Metrics& metrics, const std::string& name)
      : stored(metrics.GetCounter(telemetry::kFunctionMessages, telemetry::kFunctionMessagesHelp,
                                  {{"function", name}, {"outcome", "stored"}})),
        dropped(metrics.GetCounter(telemetry::kFunctionMessages, telemetry::kFunctionMessagesHelp,
                                   {{"function", name}, {"outcome", "dropped"}})),
        dead_lettered(metrics.GetCounter(telemetry::kFunctionMessages,
                                         telemetry::kFunctionMessagesHelp,
                                         {{"function", name}, {"outcome", "dead_lettered"}})),
        rows(metrics.GetCounter(telemetry::kFunctionRows, "Rows stored by a function.",
                                {{"function", name}})),
        commit_seconds(metrics.GetHistogram(telemetry::kFunctionCommitSeconds,
                                            "Time of a micro-batch's commit, sync included.",
                                            {{"function", name}})) {}

  telemetry::Counter& stored;
  telemetry::Counter& dropped;
  telemetry::Counter& dead_lettered;
  telemetry::Counter& rows;
  telemetry::Histogram& commit_seconds;
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
      instruments_(std::make_unique<Instruments>(metrics, settings_.name)),
      wake_(std::make_shared<Wake>()) {}

Function::~Function() { Stop(); }

absl::Status Function::Open() {
  absl::MutexLock lock(&step_mutex_);
  AFLUENTE_ASSIGN_OR_RETURN(auto records, warehouse_.Functions());
  std::optional<State> stored;
  for (const warehouse::FunctionRecord& record : records) {
    if (record.function != settings_.name) continue;
    AFLUENTE_ASSIGN_OR_RETURN(stored, State::Decode(record.state));
  }
  if (stored && stored->topic != settings_.topic) {
    return absl::FailedPreconditionError("function " + settings_.name + " has read " +
                                         stored->topic + "; changing its topic needs a new name");
  }
  const auto resume = stored ? std::optional(stored->position) : std::nullopt;
  AFLUENTE_ASSIGN_OR_RETURN(reader_, topics_.OpenReader(settings_.topic, resume));
  // A reader pins where it opens: what is not audited yet must stay too.
  auto audited = resume;
  if (audited) audited->sequence = stored->audited_sequence;
  AFLUENTE_ASSIGN_OR_RETURN(audit_reader_, topics_.OpenReader(settings_.topic, audited));
  if (stored) {
    state_ = *std::move(stored);
    if (state_.filter == settings_.filter_text) {
      position_ = state_.position.sequence;
      // Without that message nothing is known, which is no error.
      if (position_ > 0) {
        const auto newest = audit_reader_->Read(position_ - 1, 1, 1);
        if (newest.ok() && !newest->empty()) Remember(*newest->front());
      }
      return absl::OkStatus();
    }
    // The new filter holds from here on: what came before is counted by the old one.
    AFLUENTE_RETURN_IF_ERROR(Audit(state_.position.sequence, SIZE_MAX));
  } else {
    const uint64_t first =
        settings_.start_latest ? reader_->last_sequence() : reader_->first_sequence() - 1;
    state_.position = reader_->position_at(first);
    state_.topic = settings_.topic;
    state_.audited_sequence = first;
  }
  state_.filter = settings_.filter_text;
  position_ = state_.position.sequence;
  warehouse::FunctionCommit commit;
  commit.function = settings_.name;
  commit.table = settings_.table;
  commit.dead_letter_table = settings_.dead_letter_table;
  commit.state = state_.Encode();
  return warehouse_.Append(std::move(commit));
}

void Function::Start() {
  AFLUENTE_CHECK(!worker_.joinable());
  worker_ = std::thread([this] { Run(); });
}

void Function::Stop() {
  {
    absl::MutexLock lock(&wake_->mutex);
    wake_->stopped = true;
  }
  if (worker_.joinable()) worker_.join();
}

uint64_t Function::backlog() const {
  absl::MutexLock lock(&reader_mutex_);
  const uint64_t last = reader_->last_sequence();
  const uint64_t position = position_.load(std::memory_order_relaxed);
  return last > position ? last - position : 0;
}

void Function::SleepUnlessStopped(std::chrono::milliseconds duration) {
  absl::MutexLock lock(&wake_->mutex);
  wake_->mutex.AwaitWithTimeout(absl::Condition(&wake_->stopped), absl::FromChrono(duration));
}

void Function::Run() {
  auto backoff = kFirstBackoff;
  while (true) {
    {
      absl::MutexLock lock(&wake_->mutex);
      if (wake_->stopped) return;
    }
    absl::StatusOr<bool> worked = false;
    {
      absl::MutexLock lock(&step_mutex_);
      worked = Step();
      if (worked.ok() && !*worked) {
        reader_->Wait(state_.position.sequence, [wake = wake_] {
          absl::MutexLock waiting(&wake->mutex);
          wake->ready = true;
        });
      }
    }
    if (!worked.ok()) {
      // The backlog stays in the journal; nothing is skipped.
      telemetry::Log(telemetry::Severity::kError, "function cannot go on, will try again",
                     {{"function", settings_.name},
                      {"error", worked.status().ToString()},
                      {"retry_in_ms", std::to_string(backoff.count())}});
      SleepUnlessStopped(backoff);
      backoff = std::min(backoff * 2, kLongestBackoff);
      continue;
    }
    backoff = kFirstBackoff;
    if (*worked) continue;
    absl::MutexLock lock(&wake_->mutex);
    // The deletion of a topic and its successor wake nobody: look now and then.
    wake_->mutex.AwaitWithTimeout(
        absl::Condition(
            +[](Wake* wake) ABSL_NO_THREAD_SAFETY_ANALYSIS { return wake->stopped || wake->ready; },
            wake_.get()),
        kLookAgain);
    wake_->ready = false;
  }
}

absl::StatusOr<bool> Function::Step() {
  AFLUENTE_ASSIGN_OR_RETURN(auto batch,
                            reader_->Read(state_.position.sequence, settings_.batch_messages_max,
                                          settings_.batch_bytes_max));
  if (batch.empty()) return FollowNewTopic();
  if (state_.position.sequence - state_.audited_sequence > kAuditLag) {
    AFLUENTE_RETURN_IF_ERROR(Audit(state_.position.sequence, kAuditChunk));
  }
  warehouse::FunctionCommit commit = Decide(batch);
  State next = state_;
  next.position.sequence = batch.back()->sequence;
  commit.state = next.Encode();
  const warehouse::OutcomeCounters counters = commit.counters;
  const host::MonotonicTime begin = clock_.Monotonic();
  AFLUENTE_RETURN_IF_ERROR(warehouse_.Append(std::move(commit)));
  instruments_->commit_seconds.Observe(
      std::chrono::duration<double>(clock_.Monotonic() - begin).count());
  instruments_->stored.Add(counters.stored);
  instruments_->dropped.Add(counters.dropped);
  instruments_->dead_lettered.Add(counters.dead_lettered);
  instruments_->rows.Add(counters.rows);
  state_ = std::move(next);
  position_ = state_.position.sequence;
  Remember(*batch.back());
  reader_->Pin(state_.position.sequence);
  audit_reader_->Pin(state_.audited_sequence);
  return true;
}

void Function::Remember(const event::Message& newest) {
  newest_publish_micros_ = newest.publish_time.time_since_epoch().count();
}

std::optional<host::WallTime> Function::newest_publish_time() const {
  const int64_t micros = newest_publish_micros_;
  if (micros == 0) return std::nullopt;
  return host::WallTime(std::chrono::microseconds(micros));
}

absl::StatusOr<bool> Function::FollowNewTopic() {
  if (!reader_->topic_deleted()) return false;
  auto next = topics_.OpenReader(settings_.topic, std::nullopt);
  if (absl::IsNotFound(next.status())) return false;
  AFLUENTE_RETURN_IF_ERROR(next.status());
  AFLUENTE_ASSIGN_OR_RETURN(auto next_audit, topics_.OpenReader(settings_.topic, std::nullopt));
  // The old topic's share of what was published is final now.
  AFLUENTE_RETURN_IF_ERROR(Audit(state_.position.sequence, SIZE_MAX));
  State moved = state_;
  moved.position = (*next)->position_at((*next)->first_sequence() - 1);
  moved.audited_sequence = moved.position.sequence;
  warehouse::FunctionCommit commit;
  commit.function = settings_.name;
  commit.table = settings_.table;
  commit.dead_letter_table = settings_.dead_letter_table;
  commit.state = moved.Encode();
  AFLUENTE_RETURN_IF_ERROR(warehouse_.Append(std::move(commit)));
  absl::MutexLock lock(&reader_mutex_);
  state_ = std::move(moved);
  position_ = state_.position.sequence;
  reader_ = *std::move(next);
  audit_reader_ = std::move(next_audit);
  return true;
}

warehouse::FunctionCommit Function::Decide(const broker::TopicReader::Batch& batch) {
  warehouse::FunctionCommit commit;
  commit.function = settings_.name;
  commit.table = settings_.table;
  commit.dead_letter_table = settings_.dead_letter_table;
  std::vector<const event::Message*> messages;
  messages.reserve(batch.size());
  for (const auto& message : batch) {
    if (settings_.filter.Matches(message->attributes)) messages.push_back(message.get());
  }
  std::vector<Outcome> outcomes = transform_->Run(messages);
  AFLUENTE_CHECK(outcomes.size() == messages.size());
  commit.rows.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    const event::Message& message = *messages[i];
    Outcome& outcome = outcomes[i];
    if (outcome.kind == Outcome::Kind::kDropped) {
      ++commit.counters.dropped;
      continue;
    }
    if (outcome.kind == Outcome::Kind::kFailed) {
      AddDeadLetter(message, std::move(outcome.error), commit);
      continue;
    }
    ++commit.counters.stored;
    commit.counters.rows += outcome.rows.size();
    int64_t row_number = 0;
    for (auto& values : outcome.rows) {
      commit.rows.push_back({message.message_id, row_number++, std::move(values)});
    }
  }
  return commit;
}

void Function::AddDeadLetter(const event::Message& message, std::string error,
                             warehouse::FunctionCommit& commit) const {
  ++commit.counters.dead_lettered;
  if (!settings_.dead_letter_topic.empty()) {
    commit.outbox.push_back({
        settings_.name + "/" + message.message_id,
        settings_.dead_letter_topic,
        DeadLetterDraft(message, settings_.topic, settings_.name, /*attempts=*/1),
    });
  }
  commit.dead_letters.push_back(
      {message, settings_.topic, std::move(error), /*attempts=*/1, clock_.Now()});
}

absl::Status Function::Audit(uint64_t through, size_t messages_max) {
  const uint64_t reach = std::min<uint64_t>(messages_max, through - state_.audited_sequence);
  const uint64_t last = state_.audited_sequence + reach;
  AFLUENTE_ASSIGN_OR_RETURN(const event::Filter filter, event::Filter::Parse(state_.filter));
  int64_t matched = 0;
  AFLUENTE_RETURN_IF_ERROR(
      Walk(*audit_reader_, state_.audited_sequence, last,
           [&](const event::Message& message) { matched += filter.Matches(message.attributes); }));
  state_.audited_sequence = last;
  state_.audited_published += matched;
  return absl::OkStatus();
}

absl::StatusOr<Balance> Function::Check() {
  // Between two steps: the position, the counters and the table stand still together.
  absl::MutexLock lock(&step_mutex_);
  Balance balance;
  balance.function = settings_.name;
  balance.published = state_.audited_published;
  const uint64_t position = state_.position.sequence;
  AFLUENTE_RETURN_IF_ERROR(Walk(*audit_reader_, state_.audited_sequence,
                                audit_reader_->last_sequence(), [&](const event::Message& message) {
                                  if (!settings_.filter.Matches(message.attributes)) return;
                                  ++balance.published;
                                  balance.pending += message.sequence > position;
                                }));
  AFLUENTE_ASSIGN_OR_RETURN(auto records, warehouse_.Functions());
  for (const warehouse::FunctionRecord& record : records) {
    if (record.function != settings_.name) continue;
    balance.dropped = record.counters.dropped;
    balance.dead_lettered = record.counters.dead_lettered;
    balance.rows = record.counters.rows;
    balance.stored = record.counters.removed + record.counters.self_stored;
  }
  if (!settings_.table.table.empty()) {
    AFLUENTE_ASSIGN_OR_RETURN(const int64_t in_table, warehouse_.CountMessages(settings_.table));
    balance.stored += in_table;
  }
  return balance;
}

}  // namespace afluente::function
