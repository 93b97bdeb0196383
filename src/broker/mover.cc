#include "broker/mover.h"

#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "broker/recorder.h"
#include "broker/surroundings.h"
#include "broker/topic.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

// A record is about as large as the blocks that are read as a whole.
constexpr size_t kRecordBytes = MessageIndex::kBlockBytes;
// What waits in the journal's queue at a time: it is the publishers' too.
constexpr uint64_t kWaitingBytes = 4 << 20;

class Mover {
 public:
  explicit Mover(const Surroundings& surroundings) : surroundings_(surroundings) {}

  // All blocks of `segment` that are needed.
  absl::Status Move(const Needs::OfTopic& needed, uint64_t segment) {
    SharedBatch batch;
    uint64_t next = 0;
    for (const auto& block : needed.topic->BlocksIn(segment, needed.first_sequence)) {
      // A record moves consecutive blocks only.
      if (block.first_sequence != next) Seal();
      next = block.first_sequence + block.count;
      if (record_.count == 0) {
        record_.incarnation = needed.topic->incarnation();
        record_.first_sequence = block.first_sequence;
      }
      for (uint64_t sequence = block.first_sequence; sequence < next; ++sequence) {
        if (!batch || !batch->Holds(sequence)) {
          AFLUENTE_ASSIGN_OR_RETURN(
              batch, needed.topic->Fetch(*surroundings_.journal, sequence, /*may_block=*/true));
        }
        AddMoved(batch->At(sequence), record_);
      }
      if (record_.messages.size() >= kRecordBytes) Seal();
      if (waiting_bytes_ >= kWaitingBytes) AFLUENTE_RETURN_IF_ERROR(Append());
    }
    Seal();
    return absl::OkStatus();
  }

  absl::Status Append() {
    absl::Status status;
    absl::Mutex mutex;
    absl::BlockingCounter settled(static_cast<int>(records_.size()));
    for (MovedRecord& record : records_) {
      surroundings_.recorder.Append(std::move(record), [&](const absl::Status& applied) {
        {
          absl::MutexLock lock(&mutex);
          status.Update(applied);
        }
        settled.DecrementCount();
      });
    }
    settled.Wait();
    records_.clear();
    moved_bytes_ += std::exchange(waiting_bytes_, 0);
    return status;
  }

  uint64_t moved_bytes() const { return moved_bytes_ + waiting_bytes_; }

 private:
  void Seal() {
    if (record_.count == 0) return;
    waiting_bytes_ += record_.messages.size();
    records_.push_back(std::exchange(record_, {}));
  }

  const Surroundings& surroundings_;
  MovedRecord record_;
  std::vector<MovedRecord> records_;
  uint64_t waiting_bytes_ = 0;
  uint64_t moved_bytes_ = 0;
};

}  // namespace

uint64_t Needs::total_bytes() const {
  uint64_t total = 0;
  for (const auto& [segment, needed] : bytes) total += needed;
  return total;
}

absl::Status MoveOldest(const Surroundings& surroundings, const Needs& needs,
                        uint64_t before_segment, uint64_t bytes_max) {
  Mover mover(surroundings);
  for (const auto& [segment, bytes] : needs.bytes) {
    if (segment >= before_segment || mover.moved_bytes() >= bytes_max) break;
    for (const Needs::OfTopic& needed : needs.topics)
      AFLUENTE_RETURN_IF_ERROR(mover.Move(needed, segment));
  }
  return mover.Append();
}

}  // namespace afluente::broker
