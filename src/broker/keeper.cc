#include "broker/keeper.h"

#include <algorithm>
#include <chrono>

#include "absl/synchronization/blocking_counter.h"
#include "absl/time/time.h"
#include "broker/recorder.h"
#include "broker/snapshot.h"
#include "broker/snapshot_table.h"
#include "broker/state.h"
#include "broker/subscription.h"
#include "broker/surroundings.h"
#include "broker/topic.h"
#include "telemetry/log.h"

namespace afluente::broker {
namespace {

// Retention is counted in minutes and more.
constexpr std::chrono::seconds kCleanEvery{30};
// Deleted topics that one round forgets.
constexpr size_t kForgottenMax = 100'000;
// What one round moves: meanwhile nobody opens a reader or seeks.
constexpr uint64_t kMovedBytesMax = 32 << 20;

}  // namespace

void Keeper::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Keeper::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

void Keeper::NoteRecovered(const log::Place& place) {
  absl::MutexLock lock(&mutex_);
  since_last_bytes_ += place.size;
  last_segment_ = place.segment;
}

void Keeper::Note(const log::Place& place) {
  {
    absl::MutexLock lock(&mutex_);
    since_last_bytes_ += place.size;
    last_segment_ = place.segment;
    // A large snapshot is written less often, so that it never is most of what is written.
    uint64_t due = std::max(every_bytes_, 4 * last_snapshot_bytes_);
    if ((!wanted_ && since_last_bytes_ < due) || writing_ || captured_) return;
    wanted_ = false;
    since_last_bytes_ = 0;
  }
  // Nobody else applies records, so this is the state after `place`.
  Capture capture(place, state_.Capture());
  absl::MutexLock lock(&mutex_);
  captured_ = std::move(capture);
  changed_.Signal();
}

void Keeper::AllowCleaning() {
  absl::MutexLock lock(&mutex_);
  may_clean_ = true;
}

void Keeper::Loop() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (!stopping_ && !captured_)
        changed_.WaitWithTimeout(&mutex_, absl::FromChrono(kCleanEvery));
      if (stopping_) return;
    }
    RunDue();
  }
}

void Keeper::RunDue() {
  std::optional<Capture> capture;
  bool clean = false;
  {
    absl::MutexLock lock(&mutex_);
    capture = std::exchange(captured_, std::nullopt);
    writing_ = capture.has_value();
    clean = may_clean_;
  }
  if (capture) WriteSnapshot(*capture);
  if (clean) Clean();
}

void Keeper::CleanNow() {
  {
    absl::MutexLock lock(&mutex_);
    if (!may_clean_) return;
  }
  Clean();
}

void Keeper::WriteSnapshot(const Capture& capture) {
  std::string bytes = EncodeSnapshot(capture.second);
  absl::Status written = surroundings_.journal->WriteSnapshot(capture.first, bytes);
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  last_snapshot_bytes_ = bytes.size();
  if (written.ok()) return;
  // Nothing is lost, recovery only takes longer: the next record brings another attempt, from the
  // state of then, when an eighth of the usual distance is written.
  since_last_bytes_ = std::max(since_last_bytes_, every_bytes_ - every_bytes_ / 8);
  telemetry::Log(telemetry::Severity::kError, "the broker's snapshot was not written",
                 {{"error", std::string(written.message())}});
}

void Keeper::Clean() {
  ExpireSubscriptions();
  ExpireSnapshots();
  for (const auto& subscription : state_.AllSubscriptions()) subscription->RecordSkipped();
  absl::MutexLock lock(&cleaning_);
  ForgetTopics();
  Needs needs = FindNeeds();
  if (ShortenJournal(needs)) needs = FindNeeds();
  const uint64_t segment = needs.bytes.begin()->first;
  if (segment > state_.released_segment()) {
    {
      // Segments go when a snapshot without them is durable.
      absl::MutexLock inner(&mutex_);
      wanted_ = true;
    }
    if (!AppendAndWait(surroundings_.recorder, ReleaseRecord{segment}).ok()) return;
  }
  absl::Status released = surroundings_.journal->ReleaseBefore(state_.released_segment());
  if (released.ok()) return;
  telemetry::Log(telemetry::Severity::kWarning, "old segments were not removed",
                 {{"error", std::string(released.message())}});
}

void Keeper::ExpireSubscriptions() {
  host::MonotonicTime now = surroundings_.clock.Monotonic();
  for (const auto& subscription : state_.AllSubscriptions()) {
    if (!subscription->IsExpired(now)) continue;
    absl::Status deleted =
        AppendAndWait(surroundings_.recorder, DeleteSubscriptionRecord{subscription->name()});
    telemetry::Log(telemetry::Severity::kWarning, "a subscription that nobody used has expired",
                   {{"subscription", subscription->name()}, {"status", deleted.ToString()}});
  }
}

void Keeper::ExpireSnapshots() {
  host::WallTime now = surroundings_.clock.Now();
  for (const auto& snapshot : state_.snapshots().All()) {
    if (!snapshot->IsExpired(now)) continue;
    // A refusal is no harm: who asks is told that it is gone, and the next round tries again.
    (void)AppendAndWait(surroundings_.recorder, DeleteSnapshotRecord{snapshot->settings.name});
  }
}

void Keeper::ForgetTopics() {
  std::vector<ForgetTopicRecord> forgotten;
  for (const auto& topic : state_.Incarnations()) {
    if (!topic->deleted() || topic->pinned() || state_.IsSubscribed(topic->incarnation())) continue;
    forgotten.push_back({topic->incarnation()});
    if (forgotten.size() == kForgottenMax) break;
  }
  // Together, so that thousands take a few syncs. A refusal is no harm: the next round tries again.
  absl::BlockingCounter settled(static_cast<int>(forgotten.size()));
  for (const ForgetTopicRecord& record : forgotten)
    surroundings_.recorder.Append(record, [&](const absl::Status&) { settled.DecrementCount(); });
  settled.Wait();
}

Needs Keeper::FindNeeds() const {
  host::WallTime now = surroundings_.clock.Now();
  absl::btree_map<uint64_t, Needs::OfTopic> topics;
  auto need = [&](const std::shared_ptr<Topic>& topic, uint64_t sequence) {
    auto [it, fresh] = topics.try_emplace(topic->incarnation(), Needs::OfTopic{topic, sequence});
    it->second.first_sequence = std::min(it->second.first_sequence, sequence);
  };
  for (const auto& topic : state_.Incarnations()) need(topic, topic->FirstNeeded(now));
  for (const auto& subscription : state_.AllSubscriptions())
    need(subscription->topic(), subscription->FirstNeeded(now));
  for (const auto& snapshot : state_.snapshots().All()) {
    if (auto topic = state_.FindIncarnation(snapshot->topic))
      need(topic, snapshot->acked.NextMissing(0));
  }
  Needs needs;
  {
    // Where the next records go.
    absl::MutexLock lock(&mutex_);
    needs.bytes[last_segment_] = 0;
  }
  for (auto& [incarnation, of_topic] : topics) {
    of_topic.topic->AddBytes(of_topic.first_sequence, needs.bytes);
    needs.topics.push_back(std::move(of_topic));
  }
  return needs;
}

bool Keeper::ShortenJournal(const Needs& needs) {
  const uint64_t alive = needs.total_bytes();
  const uint64_t all = surroundings_.journal->bytes_on_disk();
  if (all <= alive + std::max(alive, dead_bytes_max_)) return false;
  uint64_t last = 0;
  {
    absl::MutexLock lock(&mutex_);
    last = last_segment_;
  }
  absl::Status moved = MoveOldest(surroundings_, needs, last, kMovedBytesMax);
  if (!moved.ok()) {
    telemetry::Log(telemetry::Severity::kWarning, "retained messages were not moved",
                   {{"error", std::string(moved.message())}});
  }
  return true;
}

}  // namespace afluente::broker
