// What a function does with a micro-batch.

#include <algorithm>
#include <future>
#include <utility>

#include "broker/topics.h"
#include "function/commit_draft.h"
#include "function/decision_traces.h"
#include "function/function.h"
#include "function/function_instruments.h"
#include "function/journal_walk.h"
#include "function/transform.h"
#include "host/check.h"

namespace afluente::function {
namespace {

// The audit follows the worker at this distance, so that it reads sealed, cached parts of the
// journal.
constexpr uint64_t kAuditLag = 1 << 17;

}  // namespace

std::string_view Function::KeyOf(const event::Message& message) const {
  return settings_.enable_message_ordering ? std::string_view(message.ordering_key)
                                           : std::string_view();
}

absl::StatusOr<bool> Function::Step(bool stopping) {
  if (unsettled_) AFLUENTE_RETURN_IF_ERROR(Append(*unsettled_));
  unsettled_.reset();
  if (state_.position.sequence - state_.audited_sequence > kAuditLag) {
    AFLUENTE_RETURN_IF_ERROR(Audit(state_.position.sequence, kWalkMessages));
  }
  if (ahead_) {
    Ahead ahead = *std::exchange(ahead_, std::nullopt);
    if (!stopping && ahead.after == state_.position.sequence) {
      state_.position.sequence = ahead.through;
      AFLUENTE_RETURN_IF_ERROR(Settle(std::move(ahead.decisions)));
      return true;
    }
  }
  const size_t most = stopping ? 0 : std::min(settings_.batch_messages_max, transform_->capacity());
  std::vector<Attempt> attempts;
  absl::StatusOr<size_t> read = TakeDue(most, attempts);
  if (read.ok()) read = TakeNew(most - attempts.size(), attempts);
  if (!read.ok()) {
    for (const Attempt& attempt : attempts) state_.waiting.Hold(attempt.message->sequence, "");
    return read.status();
  }
  const bool tried = !attempts.empty();
  if (settings_.tracer != nullptr) {
    for (Attempt& attempt : attempts) attempt.began = clock_.Now();
  }
  std::vector<Decision> decisions = transform_->Run(std::move(attempts));
  if (decisions.empty() && *read == 0 && !tried) {
    if (!state_.waiting.empty() || stopping) return false;
    return FollowNewTopic();
  }
  // Until something is decided the read messages may as well be read again.
  if (decisions.empty() && tried) return true;
  AFLUENTE_RETURN_IF_ERROR(Settle(std::move(decisions)));
  return true;
}

absl::StatusOr<size_t> Function::TakeDue(size_t max, std::vector<Attempt>& attempts) {
  if (state_.waiting.empty()) return 0;
  const bool one_per_key = !transform_->immediate();
  size_t bytes = 0;
  for (const uint64_t sequence :
       state_.waiting.Due(clock_.Now(), settings_.retry.maximum_backoff, one_per_key, max)) {
    if (bytes > settings_.batch_bytes_max) break;
    AFLUENTE_ASSIGN_OR_RETURN(auto message, ReadOne(*reader_, sequence));
    bytes += message->data.size();
    const int64_t number = state_.waiting.Find(sequence)->attempts + 1;
    state_.waiting.Start(sequence, KeyOf(*message));
    attempts.push_back({std::move(message), number});
  }
  return attempts.size();
}

absl::StatusOr<size_t> Function::TakeNew(size_t max, std::vector<Attempt>& attempts) {
  const size_t room = state_.waiting.room();
  if (max == 0 || room == 0) return 0;
  // Each of these will wait; of an immediate transform's at most one batch.
  if (!transform_->immediate()) max = std::min(max, room);
  AFLUENTE_ASSIGN_OR_RETURN(
      auto batch, reader_->Read(state_.position.sequence, max, settings_.batch_bytes_max));
  attempts.reserve(attempts.size() + batch.size());
  for (const auto& message : batch) {
    state_.position.sequence = message->sequence;
    if (!settings_.filter.Matches(message->attributes)) continue;
    const std::string_view key = KeyOf(*message);
    if (state_.waiting.IsHeld(key, message->sequence)) {
      state_.waiting.Hold(message->sequence, key);
      continue;
    }
    if (!transform_->immediate()) state_.waiting.Start(message->sequence, key);
    attempts.push_back({message, 1});
  }
  return batch.size();
}

absl::Status Function::Settle(std::vector<Decision> decisions) {
  CommitDraft draft(settings_, clock_);
  DecisionTraces traces(settings_);
  std::vector<const Decision*> dead;
  Unsettled end{{}, state_};
  WaitingSet& waiting = end.next.waiting;
  int64_t failed = 0;
  for (Decision& decision : decisions) {
    const event::Message& message = *decision.attempt.message;
    const std::string_view key = KeyOf(message);
    const int64_t number = decision.attempt.number;
    if (waiting.IsHeld(key, message.sequence)) {
      // One before it failed meanwhile; this one's turn comes again.
      waiting.Hold(message.sequence, key);
      decision.outcome.rows.clear();
      continue;
    }
    const bool again = decision.outcome.kind == Outcome::Kind::kAttemptFailed &&
                       number < settings_.retry.attempts_max;
    traces.Add(decision, again);
    if (again) {
      ++failed;
      waiting.Fail(message.sequence, key, number,
                   clock_.Now() + settings_.retry.BackoffAfter(number), decision.outcome.error);
      continue;
    }
    waiting.Erase(message.sequence);
    if (decision.outcome.failed()) dead.push_back(&decision);
    draft.Add(decision);
  }
  instruments_->attempts_failed.Add(failed);
  end.commit = std::move(draft.commit());
  end.commit.state = end.next.Encode();
  const host::WallTime commit_began = clock_.Now();
  absl::Status status = AppendAndLookAhead(end);
  if (absl::IsInvalidArgument(status) && !end.commit.rows.empty()) {
    draft.commit() = std::move(end.commit);
    draft.GiveBack(decisions);
    return SettleHalves(std::move(decisions), status);
  }
  if (!status.ok()) {
    unsettled_ = std::move(end);
    return status;
  }
  traces.End(commit_began);
  for (const Decision* decision : dead) dead_letter_log_.Add(settings_.name, *decision);
  for (const Decision& decision : decisions) Remember(*decision.attempt.message);
  return status;
}

void Function::Remember(const event::Message& decided) {
  const int64_t micros = decided.publish_time.time_since_epoch().count();
  if (micros > newest_publish_micros_) newest_publish_micros_ = micros;
}

absl::Status Function::SettleHalves(std::vector<Decision> decisions, const absl::Status& refusal) {
  if (decisions.size() == 1) {
    decisions[0].outcome = Outcome::Failed(std::string(refusal.message()));
    return Settle(std::move(decisions));
  }
  // While one half is settled the other one waits.
  for (const Decision& decision : decisions) {
    const event::Message& message = *decision.attempt.message;
    state_.waiting.Hold(message.sequence, KeyOf(message));
  }
  const auto middle = decisions.begin() + decisions.size() / 2;
  std::vector<Decision> second(std::make_move_iterator(middle),
                               std::make_move_iterator(decisions.end()));
  decisions.erase(middle, decisions.end());
  AFLUENTE_RETURN_IF_ERROR(Settle(std::move(decisions)));
  return Settle(std::move(second));
}

absl::Status Function::Append(Unsettled& unsettled) {
  AFLUENTE_RETURN_IF_ERROR(Commit(unsettled.commit));
  Appended(unsettled);
  return absl::OkStatus();
}

absl::Status Function::Commit(const warehouse::FunctionCommit& commit) {
  const host::MonotonicTime begin = clock_.Monotonic();
  AFLUENTE_RETURN_IF_ERROR(warehouse_.Append(commit));
  instruments_->commit_seconds.Observe(
      std::chrono::duration<double>(clock_.Monotonic() - begin).count());
  return absl::OkStatus();
}

void Function::Appended(Unsettled& unsettled) {
  const warehouse::OutcomeCounters& counters = unsettled.commit.counters;
  instruments_->stored.Add(counters.stored);
  instruments_->dropped.Add(counters.dropped);
  instruments_->self_stored.Add(counters.self_stored);
  instruments_->dead_lettered.Add(counters.dead_lettered);
  instruments_->rows.Add(counters.rows);
  state_ = std::move(unsettled.next);
  reader_->Pin(state_.decided_through());
  audit_reader_->Pin(state_.audited_sequence);
}

bool Function::MayLookAhead(const State& next) const {
  return transform_->immediate() && !settings_.enable_message_ordering && next.waiting.empty() &&
         reader_->last_sequence() >= next.position.sequence + settings_.batch_messages_max;
}

Function::Ahead Function::LookAhead(broker::TopicReader& reader, uint64_t after) const {
  Ahead ahead;
  const auto batch = reader.Read(after, settings_.batch_messages_max, settings_.batch_bytes_max);
  // Whatever is wrong, the next step meets it.
  if (!batch.ok() || batch->empty()) return ahead;
  std::vector<Attempt> attempts;
  attempts.reserve(batch->size());
  for (const auto& message : *batch) {
    if (settings_.filter.Matches(message->attributes)) attempts.push_back({message, 1});
  }
  ahead.after = after;
  ahead.through = batch->back()->sequence;
  ahead.decisions = transform_->Run(std::move(attempts));
  return ahead;
}

absl::Status Function::AppendAndLookAhead(Unsettled& unsettled) {
  if (!MayLookAhead(unsettled.next)) return Append(unsettled);
  // Joined before this one goes on: the reader and the transform serve one thread at a time.
  std::future<absl::Status> committed =
      std::async(std::launch::async, [&] { return Commit(unsettled.commit); });
  Ahead ahead = LookAhead(*reader_, unsettled.next.position.sequence);
  AFLUENTE_RETURN_IF_ERROR(committed.get());
  Appended(unsettled);
  if (ahead.through > 0) ahead_ = std::move(ahead);
  return absl::OkStatus();
}

absl::Status Function::CommitBeside(warehouse::FunctionCommit commit,
                                    absl::FunctionRef<absl::Status(State&)> change) {
  absl::MutexLock lock(&step_mutex_);
  if (unsettled_) {
    return absl::UnavailableError("the warehouse refuses the commits of function " +
                                  settings_.name);
  }
  Unsettled end{std::move(commit), state_};
  AFLUENTE_RETURN_IF_ERROR(change(end.next));
  end.commit.state = end.next.Encode();
  return Append(end);
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
  moved.replay.reset();  // what it was to decide anew is gone
  warehouse::FunctionCommit commit = EmptyCommit(settings_);
  commit.state = moved.Encode();
  AFLUENTE_RETURN_IF_ERROR(warehouse_.Append(commit));
  state_ = std::move(moved);
  ahead_.reset();
  absl::MutexLock lock(&progress_mutex_);
  progress_.position = state_.position.sequence;
  shown_reader_ = next->get();
  reader_ = *std::move(next);
  audit_reader_ = std::move(next_audit);
  return true;
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

}  // namespace afluente::function
