#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "broker/log/journal.h"

namespace afluente::broker {

// What a MemoryJournal has synced; outlives it, as a disk does.
struct MemoryDisk {
  std::string identity = "memory-journal";
  uint64_t segment_bytes = 4096;
  std::map<log::Place, std::string> records;
  std::set<log::Place> damaged;
  std::vector<std::pair<log::Place, std::string>> snapshots;  // two at most, newest last
};

// A journal in memory for tests, which decide when it syncs, what it refuses and when it crashes.
// Its callbacks run on a thread of its own, as the real one's do.
class MemoryJournal final : public log::Journal {
 public:
  static absl::StatusOr<std::unique_ptr<MemoryJournal>> Open(std::shared_ptr<MemoryDisk> disk,
                                                             log::Recovery& recovery) {
    log::Place covered;
    if (!disk->snapshots.empty()) {
      covered = disk->snapshots.back().first;
      if (auto status = recovery.OnSnapshot(disk->snapshots.back().second); !status.ok())
        return status;
    }
    for (const auto& [place, payload] : disk->records) {
      if (!(covered < place)) continue;
      if (disk->damaged.count(place) > 0) return absl::DataLossError("damaged record");
      if (auto status = recovery.OnRecord(place, payload); !status.ok()) return status;
    }
    return std::unique_ptr<MemoryJournal>(new MemoryJournal(std::move(disk)));
  }

  ~MemoryJournal() override {
    {
      absl::MutexLock lock(&mutex_);
      held_ = false;
      stopping_ = true;
    }
    thread_.join();
  }

  void Append(std::string payload, Appended done) override {
    absl::MutexLock lock(&mutex_);
    queue_.push_back({std::move(payload), std::move(done), next_failure_});
  }

  void Lend(absl::FunctionRef<void()> work) override { work(); }

  absl::StatusOr<std::string> Read(const log::Place& place) const override {
    absl::MutexLock lock(&mutex_);
    ++reads_;
    auto it = disk_->records.find(place);
    if (it == disk_->records.end() || disk_->damaged.count(place) > 0)
      return absl::DataLossError("damaged record");
    return it->second;
  }

  absl::Status ReadBlock(const log::Place& block, EachRecord each) const override {
    std::vector<std::pair<log::Place, std::string>> records;
    absl::Status end;
    {
      absl::MutexLock lock(&mutex_);
      ++reads_;
      auto it = disk_->records.lower_bound({block.segment, block.offset, 0});
      for (; it != disk_->records.end() && it->first.segment == block.segment &&
             it->first.offset < block.offset + block.size;
           ++it) {
        if (disk_->damaged.count(it->first) > 0) {
          end = absl::DataLossError("damaged record");
          break;
        }
        records.push_back(*it);
      }
    }
    for (const auto& [place, payload] : records) {
      if (absl::Status status = each(place, payload); !status.ok()) return status;
    }
    return end;
  }

  absl::Status WriteSnapshot(const log::Place& covered, std::string_view state) override {
    absl::MutexLock lock(&mutex_);
    if (!snapshot_failure_.ok()) return snapshot_failure_;
    disk_->snapshots.emplace_back(covered, std::string(state));
    if (disk_->snapshots.size() > 2) disk_->snapshots.erase(disk_->snapshots.begin());
    return absl::OkStatus();
  }

  absl::Status ReleaseBefore(uint64_t segment) override {
    absl::MutexLock lock(&mutex_);
    if (disk_->snapshots.size() < 2) return absl::OkStatus();
    segment = std::min(segment, disk_->snapshots.front().first.segment);
    auto keep = disk_->records.lower_bound(log::Place{segment, 0, 0});
    disk_->records.erase(disk_->records.begin(), keep);
    return absl::OkStatus();
  }

  const std::string& identity() const override { return disk_->identity; }
  uint64_t bytes_on_disk() const override {
    absl::MutexLock lock(&mutex_);
    uint64_t bytes = 0;
    for (const auto& [place, payload] : disk_->records) bytes += payload.size();
    return bytes;
  }

  // Stops and resumes syncing.
  void Hold(bool held) {
    absl::MutexLock lock(&mutex_);
    held_ = held;
  }
  // What is appended from now on is refused with `failure`, until it is OK again.
  void Refuse(absl::Status failure) {
    absl::MutexLock lock(&mutex_);
    next_failure_ = std::move(failure);
  }
  void RefuseSnapshots(absl::Status failure) {
    absl::MutexLock lock(&mutex_);
    snapshot_failure_ = std::move(failure);
  }
  // What is not synced is lost and never answered; of what waits, the first `kept` records reached
  // the disk all the same.
  void Crash(size_t kept = 0) {
    absl::MutexLock lock(&mutex_);
    for (; kept > 0 && !queue_.empty(); --kept) {
      if (queue_.front().failure.ok()) Store(std::move(queue_.front().payload));
      lost_.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    crashed_ = true;
    while (!queue_.empty()) {
      lost_.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }
  // Waits until all that was appended is answered.
  void Drain() {
    absl::MutexLock lock(&mutex_);
    auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return (queue_.empty() || held_) && !busy_;
    };
    mutex_.Await(absl::Condition(&idle));
  }
  bool held() const {
    absl::MutexLock lock(&mutex_);
    return held_;
  }
  size_t queued() const {
    absl::MutexLock lock(&mutex_);
    return queue_.size();
  }
  uint64_t reads() const {
    absl::MutexLock lock(&mutex_);
    return reads_;
  }

 private:
  struct Waiting {
    std::string payload;
    Appended done;
    absl::Status failure;
  };

  explicit MemoryJournal(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {
    if (!disk_->records.empty()) {
      const log::Place& last = disk_->records.rbegin()->first;
      next_ = {last.segment, last.offset + last.size, 0};
    }
    thread_ = std::thread([this] { Write(); });
  }

  void Write() {
    while (true) {
      Waiting first;
      absl::StatusOr<log::Place> place;
      {
        absl::MutexLock lock(&mutex_);
        busy_ = false;
        auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return (!queue_.empty() && !held_) || stopping_;
        };
        mutex_.Await(absl::Condition(&ready));
        if (queue_.empty()) return;
        busy_ = true;
        first = std::move(queue_.front());
        queue_.pop_front();
        place = first.failure.ok() ? absl::StatusOr<log::Place>(Store(std::move(first.payload)))
                                   : absl::StatusOr<log::Place>(first.failure);
      }
      first.done(std::move(place));
    }
  }

  log::Place Store(std::string payload) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (next_.offset >= disk_->segment_bytes) next_ = {next_.segment + 1, 0, 0};
    log::Place place{next_.segment, next_.offset, static_cast<uint32_t>(payload.size())};
    next_.offset += place.size;
    if (!crashed_) disk_->records.emplace(place, std::move(payload));
    return place;
  }

  const std::shared_ptr<MemoryDisk> disk_;  // shared with the test and the next incarnation
  std::thread thread_;
  mutable absl::Mutex mutex_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiting> lost_ ABSL_GUARDED_BY(mutex_);
  absl::Status next_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status snapshot_failure_ ABSL_GUARDED_BY(mutex_);
  log::Place next_ ABSL_GUARDED_BY(mutex_){1, 0, 0};
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool crashed_ ABSL_GUARDED_BY(mutex_) = false;
  mutable uint64_t reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace afluente::broker
