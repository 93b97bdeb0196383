#include "broker/wire/streaming_pull.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/wire/grpc_bytes.h"
#include "broker/wire/pulled.h"
#include "broker/wire/stream_report.h"
#include "broker/wire/traffic.h"
#include "google/pubsub/v1/pubsub.pb.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

constexpr size_t kResponseMessagesMax = 1000;
constexpr size_t kResponseBytesMax = 1 << 20;
// Requests whose acks are not on disk yet; the next one is read when there are fewer.
constexpr int kRequestsInFlightMax = 16;
// Pub/Sub's bounds ("Lease management" in its documentation).
constexpr int kAckDeadlineSecondsMin = 10;
constexpr int kAckDeadlineSecondsMax = 600;

// One StreamingPull call. Ends once, by the first of: an error, the client's half-close or
// cancellation, the subscription's deletion, the server's stop. Shared by gRPC (until OnDone) and
// the broker's callbacks, the last of which frees it.
//
// gRPC's Start... calls and Finish only queue: reactions never run inside them, so they are made
// under the lock, which orders them before Finish. The broker is called without it.
class StreamingPull final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public std::enable_shared_from_this<StreamingPull> {
 public:
  explicit StreamingPull(Service& service) : service_(service) { service_.streams().Enter(); }
  // The last use of the door: a callback of the broker may come after gRPC is done with the call.
  ~StreamingPull() override { service_.streams().Leave(); }

  void Start(Admission admission) {
    self_ = shared_from_this();
    admission([self = self_](const absl::Status& admitted) {
      if (!admitted.ok()) return self->End(admitted);
      absl::MutexLock lock(&self->mutex_);
      if (!self->ended_) self->StartRead(&self->read_bytes_);
    });
  }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { End(absl::CancelledError("The caller cancelled the stream.")); }
  void OnDone() override;

 private:
  absl::Status HandleRequest(pubsub::StreamingPullRequest& request);
  absl::Status Open(const pubsub::StreamingPullRequest& request);
  absl::Status CheckLaterRequest(const pubsub::StreamingPullRequest& request);
  // Each call to the broker that they make ends in OnBrokerDone, once.
  absl::Status Acknowledge(pubsub::StreamingPullRequest& request);
  absl::Status ModifyDeadlines(pubsub::StreamingPullRequest& request);
  Subscriptions::Done BrokerCall(StreamReport::Kind kind);
  void OnBrokerDone(StreamReport::Kind kind, AckAnswer answer);
  // The client has asked for all it wants, and has been told what became of it.
  bool IsDoneLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return half_closed_ && broker_calls_ == 0 && !report_.pending() && writing_ != Write::kReport;
  }
  void RefreshProperties();

  // A request that asks for nothing is a ping; from protocol version 1 on its answer is awaited.
  void Pong();
  void StartNextWriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AskForMessages();
  void OnMessages(absl::StatusOr<std::vector<Delivered>> delivered);
  std::vector<std::string> AckIds(const std::vector<Delivered>& delivered) const;
  void End(absl::Status status);
  void FinishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { Finish(ToGrpc(end_status_)); }

  Service& service_;
  std::shared_ptr<StreamingPull> self_;  // gRPC's share, given up in OnDone

  // Set by the first request, before anything else can read them.
  std::string subscription_;
  std::unique_ptr<Consumer> consumer_;
  int opened_deadline_seconds_ = 0;
  bool answers_pings_ = false;
  uint64_t ticket_ = 0;

  // Each belongs to the one operation that is under way.
  grpc::ByteBuffer read_bytes_;
  grpc::ByteBuffer write_bytes_;
  grpc::ByteBuffer report_bytes_;
  pubsub::StreamingPullResponse response_;

  absl::Mutex mutex_;
  int deadline_seconds_ ABSL_GUARDED_BY(mutex_) = 0;
  int broker_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  StreamReport report_ ABSL_GUARDED_BY(mutex_);
  enum class Write { kNone, kMessages, kReport };
  Write writing_ ABSL_GUARDED_BY(mutex_) = Write::kNone;
  bool messages_wait_ ABSL_GUARDED_BY(mutex_) = false;  // in write_bytes_, for a report to be sent
  bool pong_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

void StreamingPull::OnReadDone(bool ok) {
  if (!ok) {
    bool idle = false;
    {
      absl::MutexLock lock(&mutex_);
      half_closed_ = true;
      idle = IsDoneLocked();
    }
    // A half-close is answered when the acks before it are on disk.
    if (idle) End(absl::OkStatus());
    return;
  }
  pubsub::StreamingPullRequest request;
  absl::Status status = ParseBytes(read_bytes_, request);
  if (status.ok()) status = HandleRequest(request);
  if (!status.ok()) return End(std::move(status));
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  if (broker_calls_ >= kRequestsInFlightMax)
    reading_paused_ = true;
  else
    StartRead(&read_bytes_);
}

absl::Status StreamingPull::HandleRequest(pubsub::StreamingPullRequest& request) {
  const int deadline = request.stream_ack_deadline_seconds();
  if (deadline != 0 && (deadline < kAckDeadlineSecondsMin || deadline > kAckDeadlineSecondsMax))
    return absl::InvalidArgumentError(
        absl::StrCat("stream_ack_deadline_seconds must be between ", kAckDeadlineSecondsMin,
                     " and ", kAckDeadlineSecondsMax, ", not ", deadline, "."));
  bool first = false;
  {
    absl::MutexLock lock(&mutex_);
    first = !opened_;
    opened_ = true;
    if (deadline != 0) deadline_seconds_ = deadline;
  }
  absl::Status status = first ? Open(request) : CheckLaterRequest(request);
  if (status.ok()) status = Acknowledge(request);
  if (status.ok()) status = ModifyDeadlines(request);
  if (first && status.ok()) AskForMessages();
  if (!first && status.ok() && answers_pings_ && request.ack_ids().empty() &&
      request.modify_deadline_ack_ids().empty())
    Pong();
  return status;
}

absl::Status StreamingPull::Open(const pubsub::StreamingPullRequest& request) {
  if (request.subscription().empty())
    return absl::InvalidArgumentError("The first request of a stream must name the subscription.");
  subscription_ = request.subscription();
  AFLUENTE_ASSIGN_OR_RETURN(SubscriptionSettings settings,
                            service_.subscriptions().GetSubscription(subscription_));
  AFLUENTE_RETURN_IF_ERROR(CheckPulled(settings));
  ConsumerOptions options;
  opened_deadline_seconds_ = request.stream_ack_deadline_seconds();
  answers_pings_ = request.protocol_version() >= 1;
  options.ack_deadline = std::chrono::seconds(opened_deadline_seconds_);
  options.outstanding_messages_max = std::max<int64_t>(0, request.max_outstanding_messages());
  options.outstanding_bytes_max = std::max<int64_t>(0, request.max_outstanding_bytes());
  options.wants_properties = true;
  AFLUENTE_ASSIGN_OR_RETURN(auto consumer,
                            service_.subscriptions().OpenConsumer(subscription_, options));
  AFLUENTE_ASSIGN_OR_RETURN(ticket_, service_.open_calls().Add([weak = weak_from_this()] {
    if (auto stream = weak.lock()) stream->End(absl::UnavailableError("The server is stopping."));
  }));
  Consumer* closed = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    consumer_ = std::move(consumer);
    if (ended_) closed = consumer_.get();
  }
  if (closed != nullptr) closed->Close();
  RefreshProperties();
  return absl::OkStatus();
}

absl::Status StreamingPull::CheckLaterRequest(const pubsub::StreamingPullRequest& request) {
  const char* field = nullptr;
  if (!request.subscription().empty())
    field = "subscription";
  else if (request.max_outstanding_messages() != 0)
    field = "max_outstanding_messages";
  else if (request.max_outstanding_bytes() != 0)
    field = "max_outstanding_bytes";
  else if (request.protocol_version() != 0)
    field = "protocol_version";
  if (field == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " may be set in the first request of a stream only."));
}

absl::Status StreamingPull::Acknowledge(pubsub::StreamingPullRequest& request) {
  if (request.ack_ids().empty()) return absl::OkStatus();
  std::vector<std::string> ack_ids(std::make_move_iterator(request.mutable_ack_ids()->begin()),
                                   std::make_move_iterator(request.mutable_ack_ids()->end()));
  service_.traffic().acknowledged_messages.Add(ack_ids.size());
  service_.subscriptions().Acknowledge(subscription_, std::move(ack_ids),
                                       BrokerCall(StreamReport::Kind::kAcks));
  return absl::OkStatus();
}

absl::Status StreamingPull::ModifyDeadlines(pubsub::StreamingPullRequest& request) {
  const int count = request.modify_deadline_ack_ids_size();
  if (count != request.modify_deadline_seconds_size())
    return absl::InvalidArgumentError(absl::StrCat(
        "modify_deadline_ack_ids and modify_deadline_seconds must be equally many, not ", count,
        " and ", request.modify_deadline_seconds_size(), "."));
  if (count == 0) return absl::OkStatus();
  service_.traffic().modified_deadlines.Add(count);
  std::map<int, std::vector<std::string>> by_deadline;
  for (int i = 0; i < count; ++i)
    by_deadline[request.modify_deadline_seconds(i)].push_back(
        std::move(*request.mutable_modify_deadline_ack_ids(i)));
  for (auto& [deadline, ack_ids] : by_deadline) {
    if (deadline < 0 || deadline > kAckDeadlineSecondsMax)
      return absl::InvalidArgumentError(
          absl::StrCat("modify_deadline_seconds must be between 0 and ", kAckDeadlineSecondsMax,
                       ", not ", deadline, "."));
    service_.subscriptions().ModifyAckDeadline(subscription_, std::move(ack_ids),
                                               std::chrono::seconds(deadline),
                                               BrokerCall(StreamReport::Kind::kDeadlines));
  }
  return absl::OkStatus();
}

Subscriptions::Done StreamingPull::BrokerCall(StreamReport::Kind kind) {
  absl::MutexLock lock(&mutex_);
  ++broker_calls_;
  return [stream = shared_from_this(), kind](AckAnswer answer) {
    stream->OnBrokerDone(kind, std::move(answer));
  };
}

void StreamingPull::OnBrokerDone(StreamReport::Kind kind, AckAnswer answer) {
  absl::Status status = answer.status;
  bool done = false;
  {
    absl::MutexLock lock(&mutex_);
    --broker_calls_;
    if (status.ok()) report_.Confirm(kind, std::move(answer));
    if (!ended_ && writing_ == Write::kNone) StartNextWriteLocked();
    done = IsDoneLocked();
    if (reading_paused_ && !ended_ && broker_calls_ < kRequestsInFlightMax) {
      reading_paused_ = false;
      StartRead(&read_bytes_);
    }
  }
  if (!status.ok() || done) End(std::move(status));
}

void StreamingPull::RefreshProperties() {
  const ConsumerProperties now = consumer_->properties();
  absl::MutexLock lock(&mutex_);
  report_.SetProperties(now);
}

void StreamingPull::Pong() {
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  pong_waits_ = true;
  if (writing_ == Write::kNone) StartNextWriteLocked();
}

void StreamingPull::StartNextWriteLocked() {
  if (messages_wait_) {
    messages_wait_ = false;
    // Any answer is a pong.
    pong_waits_ = false;
    writing_ = Write::kMessages;
    StartWrite(&write_bytes_);
  } else if (pong_waits_ || report_.pending()) {
    pong_waits_ = false;
    // An empty one is a pong.
    if (!SerializeTo(report_.Take(), report_bytes_).ok()) return;
    writing_ = Write::kReport;
    StartWrite(&report_bytes_);
  }
}

void StreamingPull::AskForMessages() {
  // Next may answer at once and that answer may end the stream: it must outlive the call.
  auto alive = shared_from_this();
  RefreshProperties();
  {
    // They may have changed while nobody waited for messages.
    absl::MutexLock lock(&mutex_);
    if (!ended_ && writing_ == Write::kNone) StartNextWriteLocked();
  }
  consumer_->Next(kResponseMessagesMax, kResponseBytesMax,
                  [stream = shared_from_this()](absl::StatusOr<std::vector<Delivered>> delivered) {
                    stream->OnMessages(std::move(delivered));
                  });
}

void StreamingPull::OnMessages(absl::StatusOr<std::vector<Delivered>> delivered) {
  if (!delivered.ok())
    // CANCELLED is our own Close, after the end, or the broker's.
    return End(absl::IsCancelled(delivered.status())
                   ? absl::UnavailableError("The subscription was closed.")
                   : delivered.status());
  RefreshProperties();
  {
    absl::MutexLock lock(&mutex_);
    report_.AddProperties(response_);
  }
  for (const Delivered& one : *delivered) ToProto(one, *response_.add_received_messages());
  const grpc::Status serialized = SerializeTo(response_, write_bytes_);
  response_.Clear();
  if (!serialized.ok()) return End(FromGrpc(serialized));
  bool too_late = false;
  int deadline = 0;
  {
    absl::MutexLock lock(&mutex_);
    too_late = ended_;
    if (deadline_seconds_ != opened_deadline_seconds_) deadline = deadline_seconds_;
    if (!too_late) {
      messages_wait_ = true;
      if (writing_ == Write::kNone) StartNextWriteLocked();
    }
  }
  auto ignore = [](const AckAnswer&) {};
  if (too_late) {
    // Nobody will see them: may be delivered again at once.
    service_.subscriptions().ModifyAckDeadline(subscription_, AckIds(*delivered),
                                               std::chrono::seconds(0), ignore);
    return;
  }
  service_.traffic().delivered_messages.Add(delivered->size());
  // The stream changed its deadline after the consumer was opened.
  if (deadline != 0)
    service_.subscriptions().ModifyAckDeadline(subscription_, AckIds(*delivered),
                                               std::chrono::seconds(deadline), ignore);
}

std::vector<std::string> StreamingPull::AckIds(const std::vector<Delivered>& delivered) const {
  std::vector<std::string> ack_ids;
  ack_ids.reserve(delivered.size());
  for (const Delivered& one : delivered) ack_ids.push_back(one.ack_id);
  return ack_ids;
}

void StreamingPull::OnWriteDone(bool ok) {
  bool messages_sent = false;
  bool done = false;
  {
    absl::MutexLock lock(&mutex_);
    messages_sent = writing_ == Write::kMessages;
    writing_ = Write::kNone;
    if (ended_) return FinishLocked();
    if (ok) StartNextWriteLocked();
    done = IsDoneLocked();
  }
  if (ok && done) return End(absl::OkStatus());
  if (!ok) return End(absl::CancelledError("The caller went away."));
  if (messages_sent) AskForMessages();
}

void StreamingPull::End(absl::Status status) {
  // A caller may hold the stream by gRPC's share only, which OnDone gives up after Finish.
  auto alive = shared_from_this();
  Consumer* consumer = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    end_status_ = std::move(status);
    consumer = consumer_.get();
    if (writing_ == Write::kNone) FinishLocked();
  }
  if (consumer != nullptr) consumer->Close();
}

void StreamingPull::OnDone() {
  if (ticket_ != 0) service_.open_calls().Remove(ticket_);
  self_.reset();
}

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* OpenStreamingPull(
    Service& service, Admission admission) {
  // Owned by itself until OnDone, and by the broker's callbacks that are under way.
  auto stream = std::make_shared<StreamingPull>(service);
  stream->Start(std::move(admission));
  return stream.get();
}

}  // namespace afluente::broker::wire
