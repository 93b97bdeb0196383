#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "http/client.h"
#include "http/forwarding_server.h"
#include "http/server.h"

namespace afluente::http {
namespace {

// A proxy before an upstream that keeps every request unanswered, or before none.
class ForwardingTest : public testing::Test {
 protected:
  void SetUp() override {
    upstream_ = Server::Create(threads_, {}, [this](const Request&, Responder responder) {
      absl::MutexLock lock(&mutex_);
      kept_.push_back(std::move(responder));
    });
    const auto port = upstream_->Listen("127.0.0.1:0");
    ASSERT_TRUE(port.ok()) << port.status();
    address_ = absl::StrCat("127.0.0.1:", *port);
    ForwardingOptions options;
    options.answer_timeout = std::chrono::milliseconds(50);
    proxy_ = ForwardingServer::Create(
        threads_, options, [this](Request request, absl::AnyInvocable<void(Verdict)> done) {
          ForwardTo to;
          to.address = address_;
          to.target = request.target;
          to.headers.Add("Host", "x");
          done(std::move(to));
        });
    const auto listening = proxy_->Listen("127.0.0.1:0");
    ASSERT_TRUE(listening.ok()) << listening.status();
    url_ = absl::StrCat("http://127.0.0.1:", *listening, "/x");
  }
  void TearDown() override {
    proxy_ = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      kept_.clear();
    }
    upstream_ = nullptr;
  }

  IoThreads threads_{2};
  absl::Mutex mutex_;
  std::vector<Responder> kept_;
  std::unique_ptr<Server> upstream_;
  std::unique_ptr<ForwardingServer> proxy_;
  std::string address_;
  std::string url_;
};

TEST_F(ForwardingTest, AnUpstreamThatDoesNotAnswerIs504) {
  for (const char* method : {"GET", "POST"}) {
    const auto answer = Fetch(method, url_, "");
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 504);
    EXPECT_EQ(*answer->headers.Find("Content-Type"), "application/problem+json");
  }
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(kept_.size(), 2u);  // each was asked once
}

TEST_F(ForwardingTest, AnUpstreamThatIsNotThereIs502) {
  for (const char* nowhere : {"127.0.0.1:1", "no-such-host.invalid:80", "nonsense"}) {
    address_ = nowhere;
    const auto answer = Fetch("GET", url_);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 502) << nowhere;
    EXPECT_NE(answer->headers.Find("Retry-After"), nullptr);
  }
}

}  // namespace
}  // namespace afluente::http
