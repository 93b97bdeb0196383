#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "broker/log/journal.h"
#include "broker/mover.h"
#include "broker/state_image.h"

namespace afluente::broker {

class State;
struct Surroundings;

// Keeps the journal short: writes snapshots of the state, so that recovery is bounded, and lets go
// of what nobody needs: segments, deleted topics, expired subscriptions and snapshots. Segments go
// from the oldest on: when more of the journal is dead than alive (and more than `dead_bytes_max`),
// what is alive in the oldest is moved to the end. One thread; without Start its owner calls
// RunDue, as tests do.
class Keeper {
 public:
  Keeper(State& state, const Surroundings& surroundings, uint64_t snapshot_every_bytes,
         uint64_t dead_bytes_max)
      : state_(state),
        surroundings_(surroundings),
        every_bytes_(snapshot_every_bytes),
        dead_bytes_max_(dead_bytes_max) {}
  ~Keeper() { Stop(); }
  void Start();
  void Stop();

  // The record at `place` was applied; called for each, on the applying thread. Captures the state
  // when a snapshot is due.
  void Note(const log::Place& place);
  // The same in recovery, where nothing is captured.
  void NoteRecovered(const log::Place& place);
  void AllowCleaning();
  // Writes the snapshot that was captured, if any, then cleans.
  void RunDue();

  // Cleans, if that is allowed, whenever it was done last; any thread.
  void CleanNow();

  // Held while it is decided what nobody needs: who starts to need something holds it too.
  absl::Mutex& cleaning() { return cleaning_; }

 private:
  using Capture = std::pair<log::Place, StateImage>;

  void Loop();
  void WriteSnapshot(const Capture& capture);
  void Clean();
  void ForgetTopics();
  void ExpireSubscriptions();
  void ExpireSnapshots();
  Needs FindNeeds() const;
  // Moves some of what lies in the oldest segments, if the journal is too long for what is needed
  // of it. False when there was nothing to do: the needs are still those.
  bool ShortenJournal(const Needs& needs);

  State& state_;
  const Surroundings& surroundings_;
  const uint64_t every_bytes_;
  const uint64_t dead_bytes_max_;
  std::thread thread_;
  absl::Mutex cleaning_ ABSL_ACQUIRED_BEFORE(mutex_);

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool may_clean_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;  // whatever was written since the last
  uint64_t since_last_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_snapshot_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_segment_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Capture> captured_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
