#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "broker/publisher.h"
#include "broker/remote_topic.h"
#include "host/clock.h"

namespace afluente::broker::gcp {

struct PublisherLimits {
  // Of one request; Google takes 1,000 messages and 10 MB.
  size_t batch_messages_max = 1'000;
  size_t batch_bytes_max = 9'000'000;
  int requests_in_flight_max = 16;
  // Taken and not answered yet; beyond it RESOURCE_EXHAUSTED.
  size_t unanswered_messages_max = 100'000;
  uint64_t unanswered_bytes_max = 128 << 20;
  // As Google's libraries: pauses grow to the largest, and a request is given up after `retry_for`.
  std::chrono::milliseconds pause_first{100};
  std::chrono::milliseconds pause_max{10'000};
  std::chrono::milliseconds retry_for{60'000};
};

// Publishes to Google's Pub/Sub: what waits goes together, a request holds one ordering key only
// (as Google demands), requests of a key follow each other, and a failed one is sent again after a
// pause with jitter, so that a message may be there twice, as with Google's own libraries. Owned by
// a role; one thread of its own. Nothing is kept on the machine: what is not answered at a crash is
// the caller's to send again.
class GooglePublisher final : public Publisher {
 public:
  GooglePublisher(std::unique_ptr<RemoteTopic> remote, const host::Clock& clock,
                  PublisherLimits limits = {});
  // Answers what waits with CANCELLED; waits for what is under way.
  ~GooglePublisher() override;

  // Each message is answered for when Pub/Sub has it; after an error some of the batch may be
  // there. ABORTED: an earlier message of its ordering key failed.
  void Publish(std::string_view topic, std::vector<event::Draft> batch, Published done) override;

  // Answers what waits and what is under way soon, and what follows.
  void Cancel();

 private:
  // One call of Publish; its pieces share it until all are answered.
  struct Call {
    Published done;
    std::vector<std::string> ids;
    size_t left = 0;  // messages
    absl::Status status;
  };
  // Messages of one call and one ordering key, together in one request.
  struct Piece {
    std::vector<event::Draft> drafts;
    std::vector<size_t> places;  // in the call
    std::shared_ptr<Call> call;
    size_t bytes = 0;
    bool alone = false;  // a request with others was refused for what is in it
  };
  using LaneKey = std::pair<std::string, std::string>;  // topic, ordering key
  struct Lane {
    std::deque<Piece> waiting;
    bool busy = false;    // ordered: a request is under way or waits to be sent again
    bool queued = false;  // in ready_
  };
  struct Parcel {
    LaneKey lane;
    std::vector<Piece> pieces;
    host::MonotonicTime give_up;
    host::MonotonicTime not_before{};
    std::chrono::milliseconds pause{0};
  };
  using Answers = std::vector<std::pair<Published, absl::StatusOr<std::vector<std::string>>>>;

  void Run();
  bool CanSend(host::MonotonicTime now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  host::MonotonicTime NextRetry() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Parcel Take(host::MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Parcel TakeFrom(const LaneKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeReady(const LaneKey& key, Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(Parcel parcel) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnAnswer(Parcel parcel, absl::StatusOr<std::vector<std::string>> ids)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Nothing more of the parcel is to be sent.
  void Settle(Parcel& parcel, absl::StatusOr<std::vector<std::string>> ids, Answers& answers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(Piece& piece, const absl::Status& status, Answers& answers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Conclude(Piece& piece, Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailAll(Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PublisherLimits limits_;
  const host::Clock& clock_;
  const std::unique_ptr<RemoteTopic> remote_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<LaneKey, Lane> lanes_ ABSL_GUARDED_BY(mutex_);
  std::deque<LaneKey> ready_ ABSL_GUARDED_BY(mutex_);
  std::list<Parcel> again_ ABSL_GUARDED_BY(mutex_);
  size_t unanswered_messages_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unanswered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace afluente::broker::gcp
