#include <algorithm>
#include <utility>

#include "broker/ack_id.h"
#include "broker/delivery_transform.h"
#include "broker/dispatcher.h"
#include "broker/errors.h"
#include "broker/subscription.h"
#include "broker/surroundings.h"
#include "broker/topic.h"

namespace afluente::broker {
namespace {

constexpr size_t kLeasesMax = 100'000;        // of a subscription
constexpr size_t kOrderWaitingMax = 100'000;  // held back by ordering keys
constexpr size_t kRetriesMax = 200'000;       // failed and not delivered again yet
// Then the other subscriptions have their turns.
constexpr size_t kAnswersATurnMax = 200;

}  // namespace

// One thread at a time dispatches; who comes meanwhile asks it for another pass. So that thread
// alone moves the cursor, and may give up the lock to read from disk.
void Subscription::Dispatch(bool may_block) {
  {
    absl::MutexLock lock(&mutex_);
    if (dispatching_) {
      again_ = true;
      return;
    }
    dispatching_ = true;
  }
  size_t answers = 0;
  do {
    size_t passed_over = 0;
    while (answers < kAnswersATurnMax) {
      std::optional<Building> building = Begin(may_block);
      if (!building) break;
      ++answers;
      Fill(*building, may_block);
      if (building->transform) TransformAll(*building);
      size_t waiters = Finish(*std::move(building));
      passed_over = waiters == 0 ? 0 : passed_over + 1;
      if (passed_over > 0 && passed_over >= waiters) break;
    }
    batch_ = nullptr;
  } while (!EndDispatch(/*stop=*/answers >= kAnswersATurnMax));
  if (answers >= kAnswersATurnMax) PostTurn();
  Watch();
}

bool Subscription::EndDispatch(bool stop) {
  absl::MutexLock lock(&mutex_);
  if (std::exchange(again_, false) && !stop) return false;
  dispatching_ = false;
  return true;
}

// Asks for a turn when the topic has more, if somebody waits and all there is was looked at; and
// when the next lease runs out.
void Subscription::Watch() {
  bool wait = false;
  uint64_t after = 0;
  host::MonotonicTime arm = host::MonotonicTime::max();
  bool skipped = false;
  {
    absl::MutexLock lock(&mutex_);
    wait = !deleted_ && !waiters_.empty() && caught_up_;
    after = cursor_ - 1;
    skipped = skipped_count_ >= kSkippedMax;
    if (NextTimer() < armed_) arm = armed_ = NextTimer();
  }
  if (arm != host::MonotonicTime::max()) surroundings_.dispatcher.Arm(shared_from_this(), arm);
  if (skipped) PostTurn();
  if (!wait) return;
  topic_->Wait(this, after, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->PostTurn();
  });
}

std::optional<Building> Subscription::Begin(bool may_block) {
  absl::MutexLock lock(&mutex_);
  caught_up_ = false;
  auto may_take = [](const Waiter& each) { return each.flow->HasRoom(); };
  auto it = std::find_if(waiters_.begin(), waiters_.end(), may_take);
  if (it == waiters_.end()) return std::nullopt;
  bool has_new = HasNew();
  if (!has_new && redeliver_.empty() && !order_.ready()) return std::nullopt;
  if (transform_ != nullptr && !may_block) {
    // Scripts take their time: not on a caller's thread.
    PostTurn();
    return std::nullopt;
  }
  // What is there is shared out evenly among those who may take some now.
  auto takers = static_cast<uint64_t>(std::count_if(it, waiters_.end(), may_take));
  uint64_t there = redeliver_.size() + order_.waiting();
  if (has_new) there += topic_->last_sequence() - cursor_ + 1;
  Building building;
  building.waiter = std::move(*it);
  waiters_.erase(it);
  building.run = ++run_;
  building.transform = transform_;
  building.messages_max =
      std::min<uint64_t>(building.waiter.messages_max, (there + takers - 1) / takers);
  return building;
}

bool Subscription::HasNew() {
  SkipLost();
  cursor_ = acked_.NextMissing(cursor_);
  caught_up_ = cursor_ > topic_->last_sequence();
  return !caught_up_ && leases_.size() < kLeasesMax && order_.waiting() < kOrderWaitingMax &&
         redeliver_.size() + retries_.waiting() < kRetriesMax;
}

// What left the journal because it was older than what it had to be kept for is not delivered.
void Subscription::SkipLost() {
  uint64_t first = topic_->first_sequence();
  cursor_ = std::max(cursor_, first);
  redeliver_.erase(redeliver_.begin(), redeliver_.lower_bound(first));
}

// Those that were out before. They take turns, so that a message that always fails does not keep
// the others from being delivered.
std::optional<Subscription::Target> Subscription::PickOld(const Building& building) {
  uint64_t first = topic_->first_sequence();
  while (!redeliver_.empty()) {
    auto it = redeliver_.upper_bound(last_redelivered_);
    if (it == redeliver_.end()) it = redeliver_.begin();
    if (*it >= first && !acked_.Contains(*it)) return Target{Source::kRedeliver, *it, nullptr};
    redeliver_.erase(it);
  }
  while (auto ready = order_.NextReady(building.run)) {
    auto [key, sequence] = *ready;
    if (sequence >= first && !acked_.Contains(sequence))
      return Target{Source::kOrdered, sequence, key};
    order_.Drop(key, sequence);
  }
  return std::nullopt;
}

std::optional<Subscription::Target> Subscription::PickTarget(const Building& building) {
  if (building.full || !Refusal().ok()) return std::nullopt;
  bool has_new = HasNew();
  // New and old ones alternate in who comes first, for the same reason.
  if (has_new && building.run % 2 == 0) return Target{Source::kNew, cursor_, nullptr};
  if (leases_.size() < kLeasesMax) {
    if (auto old = PickOld(building)) return old;
  }
  if (has_new) return Target{Source::kNew, cursor_, nullptr};
  return std::nullopt;
}

void Subscription::Fill(Building& building, bool may_block) {
  while (true) {
    std::optional<Target> target;
    {
      absl::MutexLock lock(&mutex_);
      target = PickTarget(building);
    }
    if (!target) return;
    if (!batch_ || !batch_->Holds(target->sequence)) {
      auto fetched = topic_->Fetch(*surroundings_.journal, target->sequence, may_block);
      // Released in the meantime: it is not picked again.
      if (absl::IsOutOfRange(fetched.status())) continue;
      if (!fetched.ok()) {
        building.status = fetched.status();
        return;
      }
      batch_ = *std::move(fetched);
      if (!batch_) {
        PostTurn();
        return;
      }
    }
    absl::MutexLock lock(&mutex_);
    if (target->source == Source::kNew) {
      TakeNew(batch_, building);
    } else {
      TakeOne(batch_, *target, building);
    }
  }
}

void Subscription::TakeNew(const SharedBatch& batch, Building& building) {
  while (!building.full) {
    if (!HasNew() || !batch->Holds(cursor_)) return;
    const event::Message& message = batch->At(cursor_);
    if (filtered_ && !filter_.Matches(message.attributes)) {
      Skip(cursor_++);
      continue;
    }
    uint64_t size = SizeOf(message);
    if (!HasRoom(building, size)) {
      building.full = true;
      return;
    }
    uint64_t sequence = cursor_++;
    Deliver(batch, sequence, size, building);
  }
}

void Subscription::TakeOne(const SharedBatch& batch, const Target& target, Building& building) {
  // The lock was given up: it may have been acked since.
  std::optional<Target> now = PickOld(building);
  if (!now || now->sequence != target.sequence || now->source != target.source) return;
  uint64_t size = SizeOf(batch->At(target.sequence));
  if (!HasRoom(building, size)) {
    building.full = true;
    return;
  }
  if (target.source == Source::kRedeliver) {
    redeliver_.erase(target.sequence);
    last_redelivered_ = target.sequence;
  }
  Deliver(batch, target.sequence, size, building);
}

bool Subscription::HasRoom(const Building& building, uint64_t size) const {
  const Flow& flow = *building.waiter.flow;
  if (!flow.HasRoom()) return false;
  if (building.messages.size() >= building.messages_max) return false;
  // A message larger than the limits still goes out, alone: else it would wait for ever.
  if (!building.messages.empty() && building.bytes + size > building.waiter.bytes_max) return false;
  int64_t bytes_max = flow.options.outstanding_bytes_max;
  return bytes_max <= 0 || flow.messages == 0 ||
         flow.bytes + static_cast<int64_t>(size) <= bytes_max;
}

void Subscription::Deliver(const SharedBatch& batch, uint64_t sequence, uint64_t size,
                           Building& building) {
  const event::Message& message = batch->At(sequence);
  if (WaitsAgain(message, sequence)) return;
  Lease lease;
  if (ordered_ && !message.ordering_key.empty()) {
    lease.key = order_.Offer(message.ordering_key, sequence, building.run, generation_ + 1);
    if (lease.key == nullptr) return;
  }
  std::chrono::seconds deadline = building.waiter.flow->options.ack_deadline;
  if (deadline.count() == 0) deadline = settings_.ack_deadline;
  lease.delivered = surroundings_.clock.Monotonic();
  lease.deadline = lease.delivered + deadline;
  lease.generation = ++generation_;
  lease.flow = building.waiter.flow;
  lease.bytes = static_cast<uint32_t>(size);
  building.bytes += size;
  int64_t attempt = settings_.dead_letter_policy ? retries_.failures(sequence) + 1 : 0;
  counters_.sent.Add();
  counters_.sent_bytes.Add(size);
  building.messages.push_back(
      {FormatAckId({incarnation_, sequence, lease.generation, lease.key != nullptr}),
       MessageOf(batch, sequence), attempt});
  leases_.Grant(sequence, std::move(lease));
}

bool Subscription::WaitsAgain(const event::Message& message, uint64_t sequence) {
  if (!retries_.TakeRestored(sequence)) return false;
  std::chrono::milliseconds backoff = BackoffOf(sequence, Cause::kSubscriber);
  if (backoff.count() == 0) return false;
  host::MonotonicTime at = surroundings_.clock.Monotonic() + backoff;
  if (ordered_ && !message.ordering_key.empty()) {
    order_.HoldNew(message.ordering_key, sequence, at);
  } else {
    retries_.WaitUntil(sequence, at);
  }
  return true;
}

// Without the lock: meanwhile leases run out, and messages are acked by other ways.
void Subscription::TransformAll(Building& building) {
  std::vector<Delivered> kept;
  std::vector<uint64_t> dropped;
  std::vector<uint64_t> failed;
  for (Delivered& each : building.messages) {
    uint64_t sequence = each.message->sequence;
    auto transformed = building.transform->Transform(each.message);
    if (!transformed.ok()) {
      failed.push_back(sequence);
    } else if (*transformed == nullptr) {
      dropped.push_back(sequence);
    } else {
      each.message = *std::move(transformed);
      kept.push_back(std::move(each));
    }
  }
  building.messages = std::move(kept);
  if (dropped.empty() && failed.empty()) return;
  DropAndFail(building, dropped, failed);
  PostTurn();
}

void Subscription::Skip(uint64_t sequence) {
  ++skipped_count_;
  if (!skipped_.empty() && skipped_.back().second + 1 == sequence) {
    skipped_.back().second = sequence;
  } else {
    skipped_.emplace_back(sequence, sequence);
  }
}

size_t Subscription::Finish(Building building) {
  absl::StatusOr<std::vector<Delivered>> answer = std::move(building.messages);
  {
    absl::MutexLock lock(&mutex_);
    if (absl::Status refusal = Refusal(); !refusal.ok()) {
      answer = std::move(refusal);
    } else if (building.waiter.flow->closed) {
      // Nobody would see them: they go to another consumer.
      for (const Delivered& each : *answer) {
        uint64_t sequence = each.message->sequence;
        if (leases_.Find(sequence) == nullptr) continue;
        Lease lease = leases_.Take(sequence);
        Requeue(sequence, lease.key, std::chrono::milliseconds(0));
      }
      answer = ConsumerClosed(name_);
    } else if (answer->empty() && building.status.ok()) {
      waiters_.push_back(std::move(building.waiter));
      return waiters_.size();
    } else if (answer->empty()) {
      answer = building.status;
    }
  }
  building.waiter.ready(std::move(answer));
  return 0;
}

}  // namespace afluente::broker
