#include "broker/wire/client.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "broker/wire/client_parts.h"
#include "broker/wire/grpc_bytes.h"
#include "broker/wire/translate.h"
#include "google/protobuf/arena.h"
#include "google/pubsub/v1/pubsub.grpc.pb.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

// What may be in flight at once. Thread-safe.
class InFlight {
 public:
  InFlight(int calls_max, uint64_t bytes_max) : calls_max_(calls_max), bytes_max_(bytes_max) {}

  // Blocks until there is room; a batch larger than the limit goes alone.
  void Enter(uint64_t bytes) {
    absl::MutexLock lock(&mutex_);
    auto has_room = [this, bytes]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return calls_ == 0 || (calls_ < calls_max_ && bytes_ + bytes <= bytes_max_);
    };
    mutex_.Await(absl::Condition(&has_room));
    ++calls_;
    bytes_ += bytes;
  }
  void Leave(uint64_t bytes) {
    absl::MutexLock lock(&mutex_);
    --calls_;
    bytes_ -= bytes;
  }
  void WaitForNone() {
    absl::MutexLock lock(&mutex_);
    auto none = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return calls_ == 0; };
    mutex_.Await(absl::Condition(&none));
  }

 private:
  const int calls_max_;
  const uint64_t bytes_max_;
  absl::Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One publish until it is answered; frees itself then.
struct PublishCall {
  google::protobuf::Arena arena;
  grpc::ClientContext context;
  pubsub::PublishRequest* request =
      google::protobuf::Arena::CreateMessage<pubsub::PublishRequest>(&arena);
  pubsub::PublishResponse* response =
      google::protobuf::Arena::CreateMessage<pubsub::PublishResponse>(&arena);
  uint64_t bytes = 0;
  Publisher::Published done;
};

uint64_t AddDraft(event::Draft& draft, pubsub::PublishRequest& request) {
  auto& message = *request.add_messages();
  uint64_t bytes = draft.data.size() + draft.ordering_key.size();
  message.set_data(std::move(draft.data));
  message.set_ordering_key(std::move(draft.ordering_key));
  for (auto& [key, value] : draft.attributes) {
    bytes += key.size() + value.size();
    (*message.mutable_attributes())[key] = std::move(value);
  }
  return bytes;
}

class GrpcPubsubClient final : public PubsubClient {
 public:
  GrpcPubsubClient(std::shared_ptr<grpc::Channel> channel, const ClientOptions& options)
      : options_(options),
        publisher_(pubsub::Publisher::NewStub(channel)),
        subscriber_(pubsub::Subscriber::NewStub(channel)),
        in_flight_(options.publishes_in_flight_max, options.bytes_in_flight_max) {}
  ~GrpcPubsubClient() override { in_flight_.WaitForNone(); }

  void Publish(const std::string& topic, std::vector<event::Draft> batch,
               Publisher::Published done) override {
    auto* call = new PublishCall;
    call->done = std::move(done);
    call->request->set_topic(topic);
    for (event::Draft& draft : batch) call->bytes += AddDraft(draft, *call->request);
    in_flight_.Enter(call->bytes);
    PrepareCall(options_, call->context);
    {
      absl::MutexLock lock(&mutex_);
      calls_.insert(call);
      if (cancelled_) call->context.TryCancel();
    }
    publisher_->async()->Publish(&call->context, call->request, call->response,
                                 [this, call](const grpc::Status& status) {
                                   Answer(std::unique_ptr<PublishCall>(call), status);
                                 });
  }
  void Cancel() override {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    for (PublishCall* call : calls_) call->context.TryCancel();
  }
  void Flush() override { in_flight_.WaitForNone(); }

  absl::Status EnsureTopic(const std::string& topic) override {
    pubsub::Topic request;
    request.set_name(topic);
    pubsub::Topic response;
    const absl::Status status =
        Run(*publisher_, &pubsub::Publisher::Stub::CreateTopic, request, response);
    return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
  }
  absl::Status CreateSubscription(const SubscriptionSettings& settings) override {
    pubsub::Subscription request = ToProto(settings);
    pubsub::Subscription response;
    return Run(*subscriber_, &pubsub::Subscriber::Stub::CreateSubscription, request, response);
  }
  absl::Status DeleteSubscription(const std::string& subscription) override {
    pubsub::DeleteSubscriptionRequest request;
    request.set_subscription(subscription);
    google::protobuf::Empty response;
    return Run(*subscriber_, &pubsub::Subscriber::Stub::DeleteSubscription, request, response);
  }
  absl::StatusOr<std::vector<Received>> Pull(const std::string& subscription,
                                             int messages_max) override {
    pubsub::PullRequest request;
    request.set_subscription(subscription);
    request.set_max_messages(messages_max);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    request.set_return_immediately(true);  // a command shows what is there and ends
#pragma GCC diagnostic pop
    pubsub::PullResponse response;
    AFLUENTE_RETURN_IF_ERROR(Run(*subscriber_, &pubsub::Subscriber::Stub::Pull, request, response));
    std::vector<Received> received;
    received.reserve(response.received_messages_size());
    for (auto& message : *response.mutable_received_messages())
      received.push_back(ToReceived(message));
    return received;
  }
  absl::Status Acknowledge(const std::string& subscription,
                           std::vector<std::string> ack_ids) override {
    pubsub::AcknowledgeRequest request;
    request.set_subscription(subscription);
    for (std::string& ack_id : ack_ids) request.add_ack_ids(std::move(ack_id));
    google::protobuf::Empty response;
    return Run(*subscriber_, &pubsub::Subscriber::Stub::Acknowledge, request, response);
  }

 private:
  template <typename Stub, typename Request, typename Response>
  absl::Status Run(Stub& stub,
                   grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   const Request& request, Response& response) const {
    grpc::ClientContext context;
    PrepareCall(options_, context);
    return FromGrpc((stub.*method)(&context, request, &response));
  }
  void Answer(std::unique_ptr<PublishCall> call, const grpc::Status& status) {
    if (status.ok())
      call->done(std::vector<std::string>(
          std::make_move_iterator(call->response->mutable_message_ids()->begin()),
          std::make_move_iterator(call->response->mutable_message_ids()->end())));
    else
      call->done(FromGrpc(status));
    const uint64_t bytes = call->bytes;
    {
      absl::MutexLock lock(&mutex_);
      calls_.erase(call.get());
    }
    call.reset();
    // Last: the destructor may be waiting for it.
    in_flight_.Leave(bytes);
  }

  const ClientOptions options_;
  const std::unique_ptr<pubsub::Publisher::Stub> publisher_;
  const std::unique_ptr<pubsub::Subscriber::Stub> subscriber_;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<PublishCall*> calls_ ABSL_GUARDED_BY(mutex_);
  InFlight in_flight_;
};

}  // namespace

std::unique_ptr<PubsubClient> PubsubClient::Create(const std::string& address,
                                                   const ClientOptions& options) {
  return std::make_unique<GrpcPubsubClient>(ConnectPubsub(address, options), options);
}

}  // namespace afluente::broker::wire
