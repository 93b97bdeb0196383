#include "broker/wire/streaming_puller.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "broker/wire/client_parts.h"
#include "broker/wire/grpc_bytes.h"
#include "google/pubsub/v1/pubsub.grpc.pb.h"
#include "host/random.h"
#include "telemetry/log.h"

namespace afluente::broker::wire {
namespace {

using std::chrono::milliseconds;
namespace pubsub = google::pubsub::v1;

constexpr size_t kIdsMax = 1'000;  // of one request
constexpr std::chrono::seconds kTick{1};
constexpr milliseconds kFlushLimit{3'000};
constexpr milliseconds kCallTimeout{10'000};

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsAborted(status) || absl::IsInternal(status) || absl::IsUnknown(status) ||
         absl::IsResourceExhausted(status);
}

ClientOptions WithTimeout(ClientOptions options) {
  options.timeout = kCallTimeout;
  return options;
}

class GrpcStreamingPuller final : public StreamingPuller {
 public:
  GrpcStreamingPuller(const std::string& address, const ClientOptions& client,
                      PullerOptions options, Deliver deliver, const host::Clock& clock)
      : client_(WithTimeout(client)),
        options_(std::move(options)),
        deliver_(std::move(deliver)),
        clock_(clock),
        stub_(pubsub::Subscriber::NewStub(ConnectPubsub(address, client))),
        reader_([this] { Receive(); }),
        keeper_([this] { Keep(); }) {}

  ~GrpcStreamingPuller() override {
    StopReceiving();
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
    }
    keeper_.join();
  }

  void Settle(std::string ack_id, bool acknowledged) override {
    absl::MutexLock lock(&mutex_);
    held_.erase(ack_id);
    (acknowledged ? acks_ : nacks_).push_back(std::move(ack_id));
  }

  void StopReceiving() override {
    {
      absl::MutexLock lock(&mutex_);
      stopped_ = true;
      if (stream_ != nullptr) stream_->TryCancel();
    }
    if (reader_.joinable()) reader_.join();
  }

 private:
  struct Lease {
    host::MonotonicTime received;
    host::MonotonicTime prolonged;
  };
  using Ids = std::vector<std::string>;

  void Receive() {
    milliseconds pause = options_.pause_first;
    while (true) {
      bool delivered = false;
      const absl::Status ended = ReceiveOnce(delivered);
      if (delivered) pause = options_.pause_first;
      absl::MutexLock lock(&mutex_);
      if (stopped_) return;
      // Pub/Sub ends streams now and then as UNAVAILABLE.
      if (!absl::IsUnavailable(ended) || pause >= options_.pause_max) {
        telemetry::Log(telemetry::Severity::kWarning, "The stream of messages ended",
                       {{"subscription", options_.subscription}, {"error", ended.ToString()}});
      }
      const milliseconds wait(
          host::RandomUint64() % static_cast<uint64_t>(std::max<int64_t>(pause.count(), 1)) + 1);
      mutex_.AwaitWithTimeout(absl::Condition(&stopped_), absl::FromChrono(wait));
      pause = std::min(pause * 2, options_.pause_max);
    }
  }

  absl::Status ReceiveOnce(bool& delivered) {
    grpc::ClientContext context;  // without a deadline: it lasts
    if (!client_.token.empty()) context.AddMetadata("authorization", "Bearer " + client_.token);
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return absl::CancelledError("stopped");
      stream_ = &context;
    }
    const auto stream = stub_->StreamingPull(&context);
    pubsub::StreamingPullRequest request;
    request.set_subscription(options_.subscription);
    request.set_stream_ack_deadline_seconds(static_cast<int32_t>(options_.ack_deadline.count()));
    request.set_max_outstanding_messages(options_.messages_max);
    request.set_max_outstanding_bytes(options_.bytes_max);
    pubsub::StreamingPullResponse response;
    if (stream->Write(request)) {
      while (stream->Read(&response)) {
        delivered = true;
        for (auto& message : *response.mutable_received_messages()) Take(ToReceived(message));
      }
    }
    {
      absl::MutexLock lock(&mutex_);
      stream_ = nullptr;
    }
    return FromGrpc(stream->Finish());
  }

  void Take(Received received) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return;  // its lease ends by itself
      const auto now = clock_.Monotonic();
      held_[received.ack_id] = {now, now};
    }
    deliver_(std::move(received), *this);
  }

  void Keep() {
    host::MonotonicTime give_up = host::MonotonicTime::max();
    while (true) {
      Ids acks, nacks, prolonged;
      bool ending = false;
      {
        absl::MutexLock lock(&mutex_);
        const auto work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return ending_ || !acks_.empty() || !nacks_.empty();
        };
        mutex_.AwaitWithTimeout(absl::Condition(&work), absl::FromChrono(kTick));
        acks.swap(acks_);
        nacks.swap(nacks_);
        ending = ending_;
        if (!ending) prolonged = Due();
      }
      const auto now = clock_.Monotonic();
      if (ending) give_up = std::min(give_up, now + kFlushLimit);
      const bool sent = SendAll(std::move(acks), std::move(nacks), std::move(prolonged));
      if (!sent) std::this_thread::sleep_for(options_.pause_first);
      if (ending && (sent || clock_.Monotonic() >= give_up)) return;
    }
  }

  // Leases that need prolonging; those that were held too long are let go.
  Ids Due() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto now = clock_.Monotonic();
    absl::erase_if(held_,
                   [&](const auto& one) { return now - one.second.received > options_.hold_max; });
    Ids due;
    for (auto& [id, lease] : held_) {
      if (now - lease.prolonged < options_.ack_deadline / 2) continue;
      lease.prolonged = now;
      due.push_back(id);
    }
    return due;
  }

  // False when something has to be sent again.
  bool SendAll(Ids acks, Ids nacks, Ids prolonged) {
    bool all = true;
    all &= Send(std::move(acks), &acks_, [this](Ids ids) {
      pubsub::AcknowledgeRequest request;
      request.set_subscription(options_.subscription);
      for (std::string& id : ids) request.add_ack_ids(std::move(id));
      return Call(&pubsub::Subscriber::Stub::Acknowledge, request);
    });
    all &= Send(std::move(nacks), &nacks_, [this](Ids ids) { return Modify(ids, 0); });
    const auto deadline = static_cast<int32_t>(options_.ack_deadline.count());
    Send(std::move(prolonged), nullptr,
         [this, deadline](Ids ids) { return Modify(ids, deadline); });
    return all;
  }

  // Sends in requests of their size; what may pass another time goes back to `again`.
  template <typename SendIds>
  bool Send(Ids ids, Ids* again, SendIds send) {
    bool all = true;
    for (size_t at = 0; at < ids.size(); at += kIdsMax) {
      const auto begin = ids.begin() + static_cast<ptrdiff_t>(at);
      const auto end = ids.begin() + static_cast<ptrdiff_t>(std::min(at + kIdsMax, ids.size()));
      const absl::Status status = send(Ids(begin, end));
      if (status.ok()) continue;
      if (again != nullptr && MayPass(status)) {
        all = false;
        absl::MutexLock lock(&mutex_);
        again->insert(again->end(), begin, end);
        continue;
      }
      telemetry::Log(telemetry::Severity::kWarning, "Pub/Sub did not take acks or deadlines",
                     {{"subscription", options_.subscription}, {"error", status.ToString()}});
    }
    return all;
  }

  absl::Status Modify(Ids& ids, int32_t seconds) {
    pubsub::ModifyAckDeadlineRequest request;
    request.set_subscription(options_.subscription);
    request.set_ack_deadline_seconds(seconds);
    for (std::string& id : ids) request.add_ack_ids(std::move(id));
    return Call(&pubsub::Subscriber::Stub::ModifyAckDeadline, request);
  }

  template <typename Request>
  absl::Status Call(grpc::Status (pubsub::Subscriber::Stub::*method)(grpc::ClientContext*,
                                                                     const Request&,
                                                                     google::protobuf::Empty*),
                    const Request& request) {
    grpc::ClientContext context;
    PrepareCall(client_, context);
    google::protobuf::Empty response;
    return FromGrpc((stub_.get()->*method)(&context, request, &response));
  }

  const ClientOptions client_;
  const PullerOptions options_;
  const Deliver deliver_;
  const host::Clock& clock_;
  const std::unique_ptr<pubsub::Subscriber::Stub> stub_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;  // receives no more
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::flat_hash_map<std::string, Lease> held_ ABSL_GUARDED_BY(mutex_);
  Ids acks_ ABSL_GUARDED_BY(mutex_);
  Ids nacks_ ABSL_GUARDED_BY(mutex_);
  std::thread reader_;  // these two last: they use the rest
  std::thread keeper_;
};

}  // namespace

std::unique_ptr<StreamingPuller> StreamingPuller::Start(const std::string& address,
                                                        const ClientOptions& client,
                                                        PullerOptions options, Deliver deliver,
                                                        const host::Clock& clock) {
  return std::make_unique<GrpcStreamingPuller>(address, client, std::move(options),
                                               std::move(deliver), clock);
}

}  // namespace afluente::broker::wire
