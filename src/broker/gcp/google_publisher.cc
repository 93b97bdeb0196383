#include "broker/gcp/google_publisher.h"

#include <algorithm>
#include <iterator>

#include "host/random.h"

namespace afluente::broker::gcp {
namespace {

using std::chrono::milliseconds;

// What the protocol adds to a message, at most.
constexpr size_t kMessageOverhead = 64;

size_t BytesOf(const event::Draft& draft) {
  size_t bytes = draft.data.size() + draft.ordering_key.size() + kMessageOverhead;
  for (const auto& [key, value] : draft.attributes) bytes += key.size() + value.size() + 8;
  return bytes;
}

// Which publishes Google's libraries send again (pubsub_grpc_service_config.json).
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsAborted(status) || absl::IsInternal(status) || absl::IsUnknown(status) ||
         absl::IsResourceExhausted(status) || absl::IsCancelled(status);
}

const absl::Status& Cancelled() {
  static const auto& status = *new absl::Status(absl::CancelledError("the publisher stops"));
  return status;
}

}  // namespace

GooglePublisher::GooglePublisher(std::unique_ptr<RemoteTopic> remote, const host::Clock& clock,
                                 PublisherLimits limits)
    : limits_(limits), clock_(clock), remote_(std::move(remote)), thread_([this] { Run(); }) {}

GooglePublisher::~GooglePublisher() {
  Cancel();
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return in_flight_ == 0; };
  mutex_.Await(absl::Condition(&none));
}

void GooglePublisher::Cancel() {
  Answers answers;
  {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    FailAll(answers);
  }
  remote_->Cancel();
  for (auto& [done, result] : answers) done(std::move(result));
}

void GooglePublisher::FailAll(Answers& answers) {
  for (auto& [key, lane] : lanes_) {
    for (Piece& piece : lane.waiting) Fail(piece, Cancelled(), answers);
    lane.waiting.clear();
  }
  for (Parcel& parcel : again_) {
    for (Piece& piece : parcel.pieces) Fail(piece, Cancelled(), answers);
    lanes_[parcel.lane].busy = false;
  }
  again_.clear();
}

void GooglePublisher::Publish(std::string_view topic, std::vector<event::Draft> batch,
                              Published done) {
  if (batch.empty()) return done(std::vector<std::string>());
  uint64_t bytes = 0;
  for (const event::Draft& draft : batch) bytes += BytesOf(draft);
  absl::Status refusal;
  {
    absl::MutexLock lock(&mutex_);
    const bool full = unanswered_messages_ + batch.size() > limits_.unanswered_messages_max ||
                      unanswered_bytes_ + bytes > limits_.unanswered_bytes_max;
    if (cancelled_) {
      refusal = Cancelled();
    } else if (full && unanswered_messages_ > 0) {
      refusal = absl::ResourceExhaustedError("too many messages wait for Pub/Sub");
    } else {
      auto call = std::make_shared<Call>();
      call->done = std::move(done);
      call->ids.resize(batch.size());
      call->left = batch.size();
      unanswered_messages_ += batch.size();
      unanswered_bytes_ += bytes;
      for (size_t place = 0; place < batch.size(); ++place) {
        event::Draft& draft = batch[place];
        const size_t size = BytesOf(draft);
        const LaneKey key(topic, draft.ordering_key);
        Lane& lane = lanes_[key];
        Piece* last = lane.waiting.empty() ? nullptr : &lane.waiting.back();
        if (last == nullptr || last->call != call ||
            last->drafts.size() >= limits_.batch_messages_max ||
            last->bytes + size > limits_.batch_bytes_max) {
          lane.waiting.push_back({{}, {}, call, 0, false});
          last = &lane.waiting.back();
        }
        last->drafts.push_back(std::move(draft));
        last->places.push_back(place);
        last->bytes += size;
        MakeReady(key, lane);
      }
      return;
    }
  }
  done(refusal);
}

void GooglePublisher::MakeReady(const LaneKey& key, Lane& lane) {
  if (lane.waiting.empty() || lane.busy || lane.queued) return;
  lane.queued = true;
  ready_.push_back(key);
  changed_.Signal();
}

host::MonotonicTime GooglePublisher::NextRetry() const {
  auto next = host::MonotonicTime::max();
  for (const Parcel& parcel : again_) next = std::min(next, parcel.not_before);
  return next;
}

bool GooglePublisher::CanSend(host::MonotonicTime now) const {
  if (in_flight_ >= limits_.requests_in_flight_max) return false;
  return !ready_.empty() || NextRetry() <= now;
}

GooglePublisher::Parcel GooglePublisher::Take(host::MonotonicTime now) {
  const auto due = std::find_if(again_.begin(), again_.end(),
                                [&](const Parcel& parcel) { return parcel.not_before <= now; });
  if (due != again_.end()) {
    Parcel parcel = std::move(*due);
    again_.erase(due);
    return parcel;
  }
  const LaneKey key = std::move(ready_.front());
  ready_.pop_front();
  Parcel parcel = TakeFrom(key);
  parcel.give_up = now + limits_.retry_for;
  parcel.pause = limits_.pause_first;
  return parcel;
}

GooglePublisher::Parcel GooglePublisher::TakeFrom(const LaneKey& key) {
  Lane& lane = lanes_[key];
  lane.queued = false;
  Parcel parcel;
  parcel.lane = key;
  size_t messages = 0;
  size_t bytes = 0;
  while (!lane.waiting.empty()) {
    Piece& next = lane.waiting.front();
    const bool first = parcel.pieces.empty();
    if (!first && (next.alone || messages + next.drafts.size() > limits_.batch_messages_max ||
                   bytes + next.bytes > limits_.batch_bytes_max)) {
      break;
    }
    messages += next.drafts.size();
    bytes += next.bytes;
    const bool alone = next.alone;
    parcel.pieces.push_back(std::move(next));
    lane.waiting.pop_front();
    if (alone) break;
  }
  lane.busy = !key.second.empty();
  MakeReady(key, lane);
  return parcel;
}

void GooglePublisher::Run() {
  while (true) {
    Parcel parcel;
    {
      absl::MutexLock lock(&mutex_);
      auto now = clock_.Monotonic();
      while (!stopped_ && !CanSend(now)) {
        const auto next = NextRetry();
        const bool timed =
            next != host::MonotonicTime::max() && in_flight_ < limits_.requests_in_flight_max;
        if (timed) {
          changed_.WaitWithTimeout(&mutex_, absl::FromChrono(next - now));
        } else {
          changed_.Wait(&mutex_);
        }
        now = clock_.Monotonic();
      }
      if (stopped_) return;
      parcel = Take(now);
      if (parcel.pieces.empty()) continue;  // cancelled meanwhile
      ++in_flight_;
    }
    Send(std::move(parcel));
  }
}

void GooglePublisher::Send(Parcel parcel) {
  std::vector<event::Draft> drafts;  // copies: the parcel may have to go again
  for (const Piece& piece : parcel.pieces) {
    drafts.insert(drafts.end(), piece.drafts.begin(), piece.drafts.end());
  }
  const std::string topic = parcel.lane.first;
  remote_->Publish(
      topic, std::move(drafts),
      [this, parcel = std::move(parcel)](absl::StatusOr<std::vector<std::string>> ids) mutable {
        OnAnswer(std::move(parcel), std::move(ids));
      });
}

void GooglePublisher::OnAnswer(Parcel parcel, absl::StatusOr<std::vector<std::string>> ids) {
  Answers answers;
  {
    absl::MutexLock lock(&mutex_);
    const auto now = clock_.Monotonic();
    Lane& lane = lanes_[parcel.lane];
    const bool again = MayPass(ids.status()) && !cancelled_ && now < parcel.give_up;
    if (again) {
      // Full jitter, so that instances that failed together do not come back together.
      const auto spread = static_cast<uint64_t>(std::max<int64_t>(parcel.pause.count(), 1));
      parcel.not_before = now + milliseconds(host::RandomUint64() % spread + 1);
      parcel.pause = std::min(parcel.pause * 2, limits_.pause_max);
      again_.push_back(std::move(parcel));
    } else if (absl::IsInvalidArgument(ids.status()) && parcel.pieces.size() > 1 && !cancelled_) {
      // Some caller's messages are refused for what they are: each caller's alone.
      for (auto piece = parcel.pieces.rbegin(); piece != parcel.pieces.rend(); ++piece) {
        piece->alone = true;
        lane.waiting.push_front(std::move(*piece));
      }
      lane.busy = false;
      MakeReady(parcel.lane, lane);
    } else {
      Settle(parcel, std::move(ids), answers);
    }
    changed_.Signal();
  }
  for (auto& [done, result] : answers) done(std::move(result));
  // Last: the destructor may be waiting for it.
  absl::MutexLock lock(&mutex_);
  --in_flight_;
  changed_.Signal();
}

void GooglePublisher::Settle(Parcel& parcel, absl::StatusOr<std::vector<std::string>> ids,
                             Answers& answers) {
  size_t messages = 0;
  for (const Piece& piece : parcel.pieces) messages += piece.drafts.size();
  if (ids.ok() && ids->size() != messages) {
    ids = absl::InternalError("Pub/Sub answered with another number of message ids");
  }
  Lane& lane = lanes_[parcel.lane];
  size_t at = 0;
  for (Piece& piece : parcel.pieces) {
    if (!ids.ok()) {
      Fail(piece, ids.status(), answers);
      continue;
    }
    for (const size_t place : piece.places) piece.call->ids[place] = std::move((*ids)[at++]);
    Conclude(piece, answers);
  }
  if (!ids.ok() && !parcel.lane.second.empty()) {
    const absl::Status aborted =
        absl::AbortedError("an earlier message of its ordering key failed");
    for (Piece& piece : lane.waiting) Fail(piece, aborted, answers);
    lane.waiting.clear();
  }
  lane.busy = false;
  if (!lane.waiting.empty()) {
    MakeReady(parcel.lane, lane);
  } else if (!lane.queued && !parcel.lane.second.empty()) {
    lanes_.erase(parcel.lane);  // keys come and go
  }
}

void GooglePublisher::Fail(Piece& piece, const absl::Status& status, Answers& answers) {
  if (piece.call->status.ok()) piece.call->status = status;
  Conclude(piece, answers);
}

void GooglePublisher::Conclude(Piece& piece, Answers& answers) {
  unanswered_messages_ -= piece.drafts.size();
  unanswered_bytes_ -= piece.bytes;
  Call& call = *piece.call;
  call.left -= piece.drafts.size();
  if (call.left > 0) return;
  if (call.status.ok()) {
    answers.emplace_back(std::move(call.done), std::move(call.ids));
  } else {
    answers.emplace_back(std::move(call.done), call.status);
  }
}

}  // namespace afluente::broker::gcp
