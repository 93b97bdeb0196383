#include "http/connection_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "http/raw_connection.h"
#include "http/url.h"

namespace afluente::http {
namespace {

using std::chrono::milliseconds;

using Script = std::vector<std::vector<std::string>>;

// Accepts connections one after the other and answers each request on one with its next text; a
// connection without a text left is closed.
class ScriptedServer {
 public:
  explicit ScriptedServer(Script connections) : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, connections = std::move(connections)] {
      for (const auto& answers : connections) Serve(answers);
    });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url(const std::string& scheme = "http") const {
    return absl::StrCat(scheme, "://127.0.0.1:", port_, "/path");
  }
  int accepted() const { return accepted_; }

 private:
  void Serve(const std::vector<std::string>& answers) {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    ++accepted_;
    for (const std::string& answer : answers) {
      std::string request;
      char bytes[4096];
      ssize_t n = 1;
      // A TLS hello (content type 22) has no such end.
      while (n > 0 && request.find("\r\n\r\n") == std::string::npos && request[0] != 22) {
        n = recv(fd, bytes, sizeof bytes, 0);
        if (n > 0) request.append(bytes, static_cast<size_t>(n));
      }
      if (n <= 0) break;
      if (answer.empty()) recv(fd, bytes, sizeof bytes, 0);  // silence until the client goes
      (void)!send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    close(fd);
  }

  const int listener_;
  uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class ConnectionPoolTest : public testing::Test {
 protected:
  explicit ConnectionPoolTest(const PoolOptions& options = {})
      : pool_(ConnectionPool::Create(threads_, options)) {}

  absl::StatusOr<Response> Send(const std::string& url, milliseconds timeout = milliseconds(5000)) {
    OutgoingRequest request;
    request.url = url;
    absl::StatusOr<Response> result = absl::UnknownError("not answered");
    absl::Notification answered;
    pool_->Send(std::move(request), timeout, [&](absl::StatusOr<Response> answer) {
      result = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  }

  IoThreads threads_{1};
  std::unique_ptr<ConnectionPool> pool_;
};

TEST_F(ConnectionPoolTest, KeepsTheConnectionForTheNextRequest) {
  ScriptedServer server(
      Script{{kOk, "HTTP/1.1 503 No\r\nContent-Length: 0\r\nX-Why: test\r\n\r\n"}});
  const auto first = Send(server.url());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->body, "ok");
  const auto second = Send(server.url());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->status, 503);
  ASSERT_NE(second->headers.Find("x-why"), nullptr);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(ConnectionPoolTest, ReplacesAKeptConnectionThatTheServerClosed) {
  ScriptedServer server(Script{{kOk}, {kOk}});
  ASSERT_TRUE(Send(server.url()).ok());
  const auto second = Send(server.url());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(ConnectionPoolTest, ANewConnectionThatIsClosedUnansweredIsAFailure) {
  ScriptedServer server(Script{{}});
  EXPECT_TRUE(absl::IsUnavailable(Send(server.url()).status()));
}

TEST_F(ConnectionPoolTest, ProcessingIsAnAnswerAndOtherInterimOnesAreNot) {
  ScriptedServer server(Script{{"HTTP/1.1 102 Processing\r\n\r\n"},
                               {absl::StrCat("HTTP/1.1 103 Early Hints\r\n\r\n", kOk)}});
  EXPECT_EQ(Send(server.url())->status, 102);
  EXPECT_EQ(Send(server.url())->status, 200);
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(ConnectionPoolTest, ASilentServerCostsTheTimeoutOnly) {
  ScriptedServer server(Script{{""}});
  EXPECT_TRUE(absl::IsDeadlineExceeded(Send(server.url(), milliseconds(50)).status()));
}

TEST_F(ConnectionPoolTest, TlsIsNotSpokenToWhoeverAnswers) {
  ScriptedServer server(Script{{"not a TLS record\r\n\r\n"}});
  EXPECT_TRUE(absl::IsUnavailable(Send(server.url("https")).status()));
}

TEST_F(ConnectionPoolTest, RefusesWhatIsNoUrl) {
  for (const char* url : {"", "ftp://host/", "http://", "http://host:0/", "http://u@host/",
                          "http://host/a b", "http://host/\r\nX: y", "https://host:66000"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Send(url).status())) << url;
  }
}

TEST_F(ConnectionPoolTest, WhatIsUnderWayIsCancelledWhenItGoes) {
  ScriptedServer server(Script{{""}});
  absl::Status status;
  absl::Notification answered;
  pool_->Send({"POST", server.url(), {}, "x"}, std::chrono::minutes(1),
              [&](absl::StatusOr<Response> answer) {
                status = answer.status();
                answered.Notify();
              });
  pool_ = nullptr;
  answered.WaitForNotification();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

class OneConnectionTest : public ConnectionPoolTest {
 protected:
  OneConnectionTest() : ConnectionPoolTest({.connections_max = 1, .waiting_max = 1}) {}
};

TEST_F(OneConnectionTest, RequestsWaitForAConnectionUpToALimit) {
  ScriptedServer server(Script{{"", kOk}, {kOk}});
  std::vector<absl::StatusOr<Response>> answers(3, absl::UnknownError("not answered"));
  absl::Notification answered[3];
  const milliseconds timeouts[] = {milliseconds(100), milliseconds(5000), milliseconds(5000)};
  for (int i = 0; i < 3; ++i) {
    pool_->Send({"POST", server.url(), {}, ""}, timeouts[i], [&, i](absl::StatusOr<Response> a) {
      answers[i] = std::move(a);
      answered[i].Notify();
    });
  }
  for (auto& each : answered) each.WaitForNotification();
  EXPECT_TRUE(absl::IsDeadlineExceeded(answers[0].status()));
  EXPECT_TRUE(answers[1].ok()) << answers[1].status();
  EXPECT_TRUE(absl::IsResourceExhausted(answers[2].status()));
}

TEST(Url, HasThePartsOfARequest) {
  const auto url = ParseUrl("HTTPS://[::1]/a?b#c");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, "443");
  EXPECT_EQ(url->authority, "[::1]");
  EXPECT_EQ(url->target, "/a?b");
  EXPECT_EQ(ParseUrl("http://host:81?q")->target, "/?q");
}

}  // namespace
}  // namespace afluente::http
