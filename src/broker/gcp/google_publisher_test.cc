#include "broker/gcp/google_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "absl/synchronization/notification.h"

namespace afluente::broker::gcp {
namespace {

using testing::ElementsAre;

constexpr char kTopic[] = "projects/p/topics/t";

event::Draft Message(std::string data, std::string key = "") {
  return {std::move(data), {}, std::move(key)};
}

// Another Pub/Sub whose requests the test answers, in any order.
class HeldTopic final : public RemoteTopic {
 public:
  struct Request {
    std::string topic;
    std::vector<std::string> data;
    std::string key;
    Publisher::Published done;
  };
  void Publish(const std::string& topic, std::vector<event::Draft> batch,
               Publisher::Published done) override {
    Request request{topic, {}, batch.front().ordering_key, std::move(done)};
    for (const event::Draft& draft : batch) {
      request.data.push_back(draft.data);
      EXPECT_EQ(draft.ordering_key, request.key) << "a request has one ordering key";
    }
    absl::MutexLock lock(&mutex_);
    if (cancelled_) {
      refused_.push_back(std::move(request));
    } else {
      requests_.push_back(std::move(request));
    }
  }
  // As a client does: what is under way is answered soon.
  void Cancel() override {
    std::vector<Request> open;
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      open.swap(requests_);
    }
    for (Request& request : open) request.done(absl::CancelledError("cancelled"));
  }

  // The next request, when it comes.
  Request Next() {
    absl::MutexLock lock(&mutex_);
    const auto some = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !requests_.empty(); };
    mutex_.Await(absl::Condition(&some));
    Request request = std::move(requests_.front());
    requests_.erase(requests_.begin());
    return request;
  }
  size_t open() {
    absl::MutexLock lock(&mutex_);
    return requests_.size();
  }

 private:
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<Request> refused_ ABSL_GUARDED_BY(mutex_);
};

void Accept(HeldTopic::Request request) {
  std::vector<std::string> ids;
  for (const std::string& data : request.data) ids.push_back("id-" + data);
  request.done(std::move(ids));
}

// One caller and its answer.
struct Caller {
  absl::Notification answered;
  absl::StatusOr<std::vector<std::string>> ids;

  void Publish(GooglePublisher& publisher, std::vector<event::Draft> batch) {
    publisher.Publish(kTopic, std::move(batch), [this](auto result) {
      ids = std::move(result);
      answered.Notify();
    });
  }
  absl::StatusOr<std::vector<std::string>> Wait() {
    answered.WaitForNotification();
    return ids;
  }
};

class GooglePublisherTest : public testing::Test {
 protected:
  GooglePublisher& Start(PublisherLimits limits) {
    limits.pause_first = std::chrono::milliseconds(1);
    limits.pause_max = std::chrono::milliseconds(4);
    auto remote = std::make_unique<HeldTopic>();
    remote_ = remote.get();
    publisher_.emplace(std::move(remote), clock_, limits);
    return *publisher_;
  }
  PublisherLimits OneRequest() {
    PublisherLimits limits;
    limits.requests_in_flight_max = 1;
    return limits;
  }

  host::SystemClock clock_;
  HeldTopic* remote_ = nullptr;
  std::optional<GooglePublisher> publisher_;
};

TEST_F(GooglePublisherTest, WhatWaitsGoesTogetherAndEachCallerGetsItsIds) {
  GooglePublisher& publisher = Start(OneRequest());
  Caller first, second, third;
  first.Publish(publisher, {Message("a")});
  HeldTopic::Request alone = remote_->Next();
  EXPECT_THAT(alone.data, ElementsAre("a"));
  EXPECT_EQ(alone.topic, kTopic);
  second.Publish(publisher, {Message("b"), Message("c")});
  third.Publish(publisher, {Message("d")});
  Accept(std::move(alone));
  HeldTopic::Request together = remote_->Next();
  EXPECT_THAT(together.data, ElementsAre("b", "c", "d"));
  Accept(std::move(together));
  EXPECT_THAT(*first.Wait(), ElementsAre("id-a"));
  EXPECT_THAT(*second.Wait(), ElementsAre("id-b", "id-c"));
  EXPECT_THAT(*third.Wait(), ElementsAre("id-d"));
}

TEST_F(GooglePublisherTest, ARequestHasOneOrderingKeyAndFollowsTheOneBefore) {
  GooglePublisher& publisher = Start({});
  Caller caller, later;
  caller.Publish(publisher, {Message("1", "x"), Message("2", "y"), Message("3", "x")});
  HeldTopic::Request x = remote_->Next();
  HeldTopic::Request y = remote_->Next();
  EXPECT_THAT(x.data, ElementsAre("1", "3"));
  EXPECT_THAT(y.data, ElementsAre("2"));
  later.Publish(publisher, {Message("4", "x"), Message("5")});
  HeldTopic::Request unordered = remote_->Next();
  EXPECT_THAT(unordered.data, ElementsAre("5")) << "4 waits for what is before it in its key";
  Accept(std::move(unordered));
  Accept(std::move(y));
  EXPECT_EQ(remote_->open(), 0u);
  Accept(std::move(x));
  EXPECT_THAT(*caller.Wait(), ElementsAre("id-1", "id-2", "id-3"));
  Accept(remote_->Next());
  EXPECT_THAT(*later.Wait(), ElementsAre("id-4", "id-5"));
}

TEST_F(GooglePublisherTest, WhatMayPassIsSentAgain) {
  GooglePublisher& publisher = Start({});
  Caller caller;
  caller.Publish(publisher, {Message("a", "k"), Message("b", "k")});
  for (const absl::Status& status :
       {absl::UnavailableError(""), absl::DeadlineExceededError(""), absl::InternalError(""),
        absl::ResourceExhaustedError(""), absl::AbortedError("")}) {
    HeldTopic::Request request = remote_->Next();
    EXPECT_THAT(request.data, ElementsAre("a", "b"));
    request.done(status);
  }
  EXPECT_FALSE(caller.answered.HasBeenNotified());
  Accept(remote_->Next());
  EXPECT_THAT(*caller.Wait(), ElementsAre("id-a", "id-b"));
}

TEST_F(GooglePublisherTest, GivesUpInTime) {
  PublisherLimits limits;
  limits.retry_for = std::chrono::milliseconds(0);
  GooglePublisher& publisher = Start(limits);
  Caller caller;
  caller.Publish(publisher, {Message("a")});
  remote_->Next().done(absl::UnavailableError("away"));
  EXPECT_TRUE(absl::IsUnavailable(caller.Wait().status()));
}

TEST_F(GooglePublisherTest, AFailureFailsWhatWaitsInItsKeyAndNothingElse) {
  GooglePublisher& publisher = Start({});
  Caller first, same_key, other_key;
  first.Publish(publisher, {Message("1", "x")});
  HeldTopic::Request request = remote_->Next();
  same_key.Publish(publisher, {Message("2", "x")});
  other_key.Publish(publisher, {Message("3", "y")});
  request.done(absl::PermissionDeniedError("no"));
  EXPECT_TRUE(absl::IsPermissionDenied(first.Wait().status()));
  EXPECT_TRUE(absl::IsAborted(same_key.Wait().status()));
  Accept(remote_->Next());
  EXPECT_TRUE(other_key.Wait().ok());
  Caller again;  // the key goes on
  again.Publish(publisher, {Message("2", "x")});
  Accept(remote_->Next());
  EXPECT_THAT(*again.Wait(), ElementsAre("id-2"));
}

TEST_F(GooglePublisherTest, AMessageThatIsRefusedHurtsNobodyElse) {
  GooglePublisher& publisher = Start(OneRequest());
  Caller before, good, bad, also_good;
  before.Publish(publisher, {Message("a")});
  HeldTopic::Request request = remote_->Next();
  good.Publish(publisher, {Message("b")});
  bad.Publish(publisher, {Message("c")});
  also_good.Publish(publisher, {Message("d")});
  Accept(std::move(request));
  HeldTopic::Request together = remote_->Next();
  EXPECT_THAT(together.data, ElementsAre("b", "c", "d"));
  together.done(absl::InvalidArgumentError("schema"));
  for (int i = 0; i < 3; ++i) {
    HeldTopic::Request alone = remote_->Next();
    ASSERT_EQ(alone.data.size(), 1u);
    if (alone.data[0] == "c") {
      alone.done(absl::InvalidArgumentError("schema"));
    } else {
      Accept(std::move(alone));
    }
  }
  EXPECT_THAT(*good.Wait(), ElementsAre("id-b"));
  EXPECT_TRUE(absl::IsInvalidArgument(bad.Wait().status()));
  EXPECT_THAT(*also_good.Wait(), ElementsAre("id-d"));
}

TEST_F(GooglePublisherTest, TakesNoMoreThanItsLimits) {
  PublisherLimits limits = OneRequest();
  limits.unanswered_messages_max = 3;
  limits.batch_messages_max = 2;
  GooglePublisher& publisher = Start(limits);
  Caller large, refused, fits;
  large.Publish(publisher, {Message("a"), Message("b"), Message("c"), Message("d")});
  refused.Publish(publisher, {Message("e")});
  EXPECT_TRUE(absl::IsResourceExhausted(refused.Wait().status()));
  HeldTopic::Request first = remote_->Next();
  EXPECT_THAT(first.data, ElementsAre("a", "b"));
  Accept(std::move(first));
  HeldTopic::Request second = remote_->Next();
  EXPECT_THAT(second.data, ElementsAre("c", "d"));
  fits.Publish(publisher, {Message("f")});
  Accept(std::move(second));
  EXPECT_THAT(*large.Wait(), ElementsAre("id-a", "id-b", "id-c", "id-d"));
  Accept(remote_->Next());
  EXPECT_THAT(*fits.Wait(), ElementsAre("id-f"));
}

TEST_F(GooglePublisherTest, EveryCallerIsAnsweredAtTheEnd) {
  GooglePublisher& publisher = Start(OneRequest());
  Caller under_way, waiting;
  under_way.Publish(publisher, {Message("a", "k")});
  while (remote_->open() == 0) absl::SleepFor(absl::Milliseconds(1));
  waiting.Publish(publisher, {Message("b", "k"), Message("c")});
  publisher_.reset();
  EXPECT_TRUE(absl::IsCancelled(under_way.Wait().status()));
  EXPECT_TRUE(absl::IsCancelled(waiting.Wait().status()));
}

}  // namespace
}  // namespace afluente::broker::gcp
