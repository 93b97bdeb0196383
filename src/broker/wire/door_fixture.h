#pragma once

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "broker/wire/fake_broker.h"
#include "broker/wire/pubsub_door.h"
#include "google/pubsub/v1/pubsub.grpc.pb.h"
#include "gtest/gtest.h"
#include "host/clock.h"

namespace afluente::broker {
class Broker;
}

namespace afluente::broker::wire {

namespace pubsub = google::pubsub::v1;

inline constexpr char kTopic[] = "projects/p/topics/t";
inline constexpr char kSubscription[] = "projects/p/subscriptions/s";

// A door in front of a broker, on a port that the kernel chose, with a gRPC client.
class DoorTest : public testing::Test {
 protected:
  // Who decides what the ports are asked: the fake, or a broker on a journal in memory. The fake
  // has no snapshots, schemas and policies; the other has them in both cases.
  enum class Behind { kFake, kBroker };

  explicit DoorTest(Behind behind = Behind::kFake);
  ~DoorTest() override;

  // A connection of its own, not shared with other channels.
  std::shared_ptr<grpc::Channel> NewChannel() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port_),
                                     grpc::InsecureChannelCredentials(), arguments);
  }
  http::Response Rest(const std::string& method, const std::string& path,
                      const std::string& body = "");

  grpc::Status CreateTopic(const std::string& name = kTopic) {
    grpc::ClientContext context;
    pubsub::Topic request;
    request.set_name(name);
    pubsub::Topic topic;
    return publisher_->CreateTopic(&context, request, &topic);
  }
  grpc::Status CreateSubscription(const std::string& name = kSubscription) {
    grpc::ClientContext context;
    pubsub::Subscription request;
    request.set_name(name);
    request.set_topic(kTopic);
    pubsub::Subscription subscription;
    return subscriber_->CreateSubscription(&context, request, &subscription);
  }
  grpc::Status Publish(const std::vector<std::string>& data) {
    grpc::ClientContext context;
    pubsub::PublishRequest request;
    request.set_topic(kTopic);
    for (const std::string& one : data) request.add_messages()->set_data(one);
    pubsub::PublishResponse response;
    return publisher_->Publish(&context, request, &response);
  }
  // A unary call with bytes of our own.
  grpc::Status RawCall(const std::string& method, const std::string& bytes,
                       std::string* answer = nullptr) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    grpc::Slice slice(bytes);
    grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    absl::Notification done;
    grpc::Status status;
    stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                   [&](const grpc::Status& result) {
                     status = result;
                     done.Notify();
                   });
    done.WaitForNotification();
    grpc::Slice flat;
    if (status.ok() && answer != nullptr && response.DumpToSingleSlice(&flat).ok())
      answer->assign(reinterpret_cast<const char*>(flat.begin()), flat.size());
    return status;
  }
  // That the door still serves new connections.
  void ExpectAlive() {
    auto stub = pubsub::Publisher::NewStub(NewChannel());
    grpc::ClientContext context;
    pubsub::ListTopicsRequest request;
    request.set_project("projects/p");
    pubsub::ListTopicsResponse response;
    const grpc::Status status = stub->ListTopics(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(Rest("GET", "/v1/projects/p/topics").status, 200);
  }

  host::SystemClock clock_;
  telemetry::Metrics metrics_;
  http::IoThreads io_threads_{2};
  host::WorkerPool workers_{2, 1000};
  FakeBroker broker_;
  std::unique_ptr<Broker> real_broker_;
  std::unique_ptr<PubsubDoor> door_;
  uint16_t port_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<pubsub::Publisher::Stub> publisher_;
  std::unique_ptr<pubsub::Subscriber::Stub> subscriber_;
};

}  // namespace afluente::broker::wire
