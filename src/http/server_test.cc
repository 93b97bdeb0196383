#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "http/client.h"
#include "http/raw_connection.h"

namespace afluente::http {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A server whose handler answers by path; "/later" answers are kept until the test releases them.
class ServerTest : public testing::Test {
 protected:
  uint16_t Start(ServerOptions options = {}) {
    server_ = Server::Create(threads_, options, [this](Request request, Responder responder) {
      Serve(std::move(request), std::move(responder));
    });
    const auto port = server_->Listen("127.0.0.1:0");
    EXPECT_TRUE(port.ok()) << port.status();
    return port.value_or(0);
  }

  void Serve(Request request, Responder responder) {
    ++served_;
    if (request.path == "/later") {
      absl::MutexLock lock(&mutex_);
      kept_.push_back(std::move(responder));
      return;
    }
    if (request.path == "/thread") {
      // Detached work that outlives the handler's call, as a worker pool's does.
      workers_.emplace_back([path = request.target, r = std::move(responder)]() mutable {
        r(Response::Text(200, "text/plain", path));
      });
      return;
    }
    if (request.path == "/drop") return;
    if (request.path == "/throw") throw std::runtime_error("for the test");
    if (request.path == "/big") {
      return responder(Response::Text(200, "text/plain", std::string(20 << 20, 'b')));
    }
    if (request.path == "/split") {
      Response response = Response::Text(200, "text/plain", "ok");
      response.headers.Add("X-Echo", "a\r\nX-Injected: 1");
      return responder(std::move(response));
    }
    if (request.path == "/none") return responder(Response{204, {}, ""});
    std::string text = request.method + " " + request.path + "|" + request.body;
    for (const auto& [name, value] : request.headers.entries()) text += "|" + name + "=" + value;
    responder(Response::Text(200, "text/plain", text));
  }

  void ReleaseKept() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(
        absl::Condition(+[](std::vector<Responder>* kept) { return !kept->empty(); }, &kept_));
    for (Responder& responder : kept_) responder(Response::Text(200, "text/plain", "late"));
    kept_.clear();
  }

  void TearDown() override {
    for (std::thread& worker : workers_) worker.join();
  }

  // Sends bytes on a fresh connection and reads until the server closes.
  std::string Exchange(uint16_t port, std::string_view bytes) {
    RawConnection connection(port);
    connection.Send(bytes);
    return connection.ReadAll();
  }

  absl::Mutex mutex_;
  std::vector<Responder> kept_;
  std::vector<std::thread> workers_;
  std::atomic<int> served_{0};
  IoThreads threads_{2};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, KeepsAliveAndCloses) {
  RawConnection connection(Start());
  connection.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.ReadAnswer(), EndsWith("\r\n\r\nGET /a||Host=x"));
  connection.Send("GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string last = connection.ReadAll();
  EXPECT_THAT(last, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(last, HasSubstr("GET /b"));
}

TEST_F(ServerTest, HttpOneZeroClosesUnlessAsked) {
  const uint16_t port = Start();
  EXPECT_THAT(Exchange(port, "GET /a HTTP/1.0\r\n\r\n"), EndsWith("GET /a|"));
  RawConnection connection(port);
  connection.Send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(connection.ReadAnswer(), HasSubstr("Connection: keep-alive\r\n"));
  connection.Send("GET /c HTTP/1.0\r\n\r\n");
  EXPECT_THAT(connection.ReadAll(), HasSubstr("GET /c"));
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  RawConnection connection(Start());
  std::string requests;
  for (int i = 0; i < 2000; ++i) {
    const std::string path = i % 7 == 0 ? "/thread" : "/now";
    requests += "GET " + path + "?" + std::to_string(i) +
                " HTTP/1.1\r\nHost: x\r\nX-N: " + std::to_string(i) + "\r\n\r\n";
  }
  std::thread sender([&] { connection.Send(requests); });
  for (int i = 0; i < 2000; ++i) {
    const std::string answer = connection.ReadAnswer();
    const std::string number = std::to_string(i);
    ASSERT_THAT(answer, EndsWith(i % 7 == 0 ? "/thread?" + number : "|X-N=" + number));
  }
  sender.join();
}

TEST_F(ServerTest, AnswersPipelinedBigAnswersToASlowReader) {
  RawConnection connection(Start());
  std::string requests;
  for (int i = 0; i < 3; ++i) requests += "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";
  connection.Send(requests);
  for (int i = 0; i < 3; ++i) {
    const std::string answer = connection.ReadAnswer();
    ASSERT_GT(answer.size(), size_t{20 << 20});
    EXPECT_EQ(answer.back(), 'b');
  }
}

TEST_F(ServerTest, HeadHasTheLengthAndNoBody) {
  RawConnection connection(Start());
  connection.Send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.ReadAnswer(true), HasSubstr("Content-Length: 15\r\n"));
  const std::string none = connection.ReadAnswer();
  EXPECT_THAT(none, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(none, Not(HasSubstr("Content-Length")));
}

TEST_F(ServerTest, ReadsBodiesOfBothKinds) {
  RawConnection connection(Start());
  connection.Send("POST /l HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(connection.ReadAnswer(), HasSubstr("POST /l|hello|"));
  connection.Send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-Trailer: forged\r\nHost: y\r\n\r\n");
  const std::string answer = connection.ReadAnswer();
  EXPECT_THAT(answer, HasSubstr("POST /c|abcdefg|"));
  EXPECT_THAT(answer, Not(HasSubstr("forged")));
}

TEST_F(ServerTest, SendsContinueOnlyWhenTheBodyIsWanted) {
  const uint16_t port = Start({.body_bytes_max = 100});
  RawConnection connection(port);
  connection.Send(
      "POST /l HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(connection.ReadAnswer(), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.Send("hello");
  EXPECT_THAT(connection.ReadAnswer(), HasSubstr("POST /l|hello|"));
  connection.Send(
      "POST /l HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(connection.ReadAnswer(), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Exchange(port, "GET / HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n"),
              StartsWith("HTTP/1.1 417 "));
}

TEST_F(ServerTest, RefusesWhatTwoServersCouldReadDifferently) {
  const uint16_t port = Start();
  const std::string start = "POST /a HTTP/1.1\r\nHost: x\r\n";
  const std::string smuggled = "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::vector<std::string> shapes = {
      "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
      "Content-Length: 6\r\nContent-Length: 6\r\n",
      "Content-Length: 6\r\nContent-Length: 7\r\n",
      "Content-Length: 6, 6\r\n",
      "Content-Length: +6\r\n",
      "Content-Length: -6\r\n",
      "Content-Length: 0x6\r\n",
      "Content-Length: 6 6\r\n",
      "Content-Length:\r\n",
      "Content-Length: 99999999999999999999999\r\n",
      "Transfer-Encoding: xchunked\r\n",
      "Transfer-Encoding: identity\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
      "Transfer-Encoding:\x0b"
      "chunked\r\n",
      "Transfer-Encoding : chunked\r\n",
      " Transfer-Encoding: chunked\r\n",
      "Transfer-Encoding:\r\n chunked\r\n",
      "X: a\r\n Transfer-Encoding: chunked\r\n",
      "X: a\r\n\tb\r\n",
      "X: a\r\n \r\n",
      "X:\r\n \r\n",
      "X\r\n",
      ": a\r\n",
      "X: a\rY: b\r\n",
      std::string("X: a\0b\r\n", 8),
      "Host: y\r\n",
  };
  for (const std::string& shape : shapes) {
    const std::string answer = Exchange(port, start + shape + smuggled);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << shape;
    EXPECT_THAT(answer, HasSubstr("application/problem+json")) << shape;
    EXPECT_THAT(answer, Not(HasSubstr("HTTP/1.1 200"))) << shape;
    EXPECT_THAT(answer, Not(HasSubstr("<reset>"))) << shape;
  }
  EXPECT_EQ(served_, 0);
}

TEST_F(ServerTest, RefusesMalformedRequests) {
  const uint16_t port = Start();
  const std::vector<std::pair<std::string, std::string>> shapes = {
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET /#f HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /?a=%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /?a=%ff HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET /?a=%c0%af HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
      {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", "505"},
      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"},
      {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
       "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
       "ffffffffffffffffff\r\n",
       "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;" +
           std::string(9000, 'e'),
       "400"},
  };
  for (const auto& [bytes, status] : shapes) {
    EXPECT_THAT(Exchange(port, bytes), StartsWith("HTTP/1.1 " + status)) << bytes;
  }
  EXPECT_EQ(served_, 0);
}

TEST_F(ServerTest, RefusesBeyondLimits) {
  const uint16_t port = Start({.body_bytes_max = 1000, .header_bytes_max = 2000});
  const auto starts = [&](std::string_view bytes, const std::string& status) {
    const std::string answer = Exchange(port, bytes);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status));
    EXPECT_THAT(answer, Not(HasSubstr("<reset>")));
  };
  starts("GET /?" + std::string(1 << 20, 'q') + " HTTP/1.1\r\nHost: x\r\n\r\n", "414");
  starts("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(1 << 20, 'h') + "\r\n\r\n", "431");
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 1000; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  starts(many + "\r\n", "431");
  starts(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n" + std::string(8'000'000, 'b'),
      "413");
  std::string chunks = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) chunks += "20\r\n" + std::string(32, 'c') + "\r\n";
  starts(chunks, "413");
  EXPECT_EQ(served_, 0);
}

TEST_F(ServerTest, CountsATrickledHeaderWhole) {
  RawConnection connection(Start({.header_bytes_max = 2000}));
  connection.Send("GET / HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 1000; ++i) {
    if (!connection.Send("X-Field: 0123456789\r\n")) break;
  }
  EXPECT_THAT(connection.ReadAll(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, BoundsTheBodiesOfAllConnections) {
  const uint16_t port = Start({.bodies_bytes_max = 1 << 20});
  RawConnection first(port);
  first.Send("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" +
             std::string(900'000, 'a'));
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(
        absl::Condition(+[](std::vector<Responder>* kept) { return !kept->empty(); }, &kept_));
  }
  const std::string second =
      "POST /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Content-Length: 900000\r\n\r\n" +
      std::string(900'000, 'a');
  EXPECT_THAT(Exchange(port, second), StartsWith("HTTP/1.1 503 "));
  ReleaseKept();
  EXPECT_THAT(first.ReadAnswer(), EndsWith("late"));
  EXPECT_THAT(Exchange(port, second), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, TimesOutSlowPeers) {
  const uint16_t port =
      Start({.header_timeout = milliseconds(40), .idle_timeout = milliseconds(60)});
  EXPECT_EQ(Exchange(port, ""), "");
  EXPECT_THAT(Exchange(port, "GET / HT"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(Exchange(port, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(Exchange(port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"),
              StartsWith("HTTP/1.1 408 "));
  const std::string idle = Exchange(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(idle, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(idle, Not(HasSubstr("408")));
}

TEST_F(ServerTest, SlowlorisCannotExtendItsTime) {
  RawConnection connection(Start({.header_timeout = milliseconds(100)}));
  connection.Send("GET / HTTP/1.1\r\nHost: x\r\n");
  const auto start = std::chrono::steady_clock::now();
  const timeval tick{0, 5'000};
  setsockopt(connection.fd(), SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
  char byte;
  ssize_t n;
  do {
    connection.Send("X");
    n = recv(connection.fd(), &byte, 1, 0);
  } while (n < 0 && errno == EAGAIN &&
           std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  EXPECT_EQ(n, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(ServerTest, AReaderThatDoesNotReadIsLetGo) {
  RawConnection connection(Start({.idle_timeout = milliseconds(60)}));
  connection.Send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto start = std::chrono::steady_clock::now();
  pollfd hung_up{connection.fd(), POLLRDHUP, 0};
  EXPECT_EQ(poll(&hung_up, 1, 5'000), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(ServerTest, AnUnansweredRequestIsA500) {
  RawConnection connection(Start());
  connection.Send("GET /drop HTTP/1.1\r\nHost: x\r\n\r\nGET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.ReadAnswer(), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(connection.ReadAnswer(), StartsWith("HTTP/1.1 500 "));
}

TEST_F(ServerTest, AHeaderValueCannotStartAnother) {
  RawConnection connection(Start());
  connection.Send("GET /split HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.ReadAnswer(), Not(HasSubstr("\nX-Injected")));
}

TEST_F(ServerTest, AbsoluteFormReplacesHost) {
  RawConnection connection(Start());
  connection.Send("GET http://evil.example/a?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string answer = connection.ReadAnswer();
  EXPECT_THAT(answer, HasSubstr("GET /a||Host=evil.example"));
  EXPECT_THAT(answer, Not(HasSubstr("localhost")));
}

TEST_F(ServerTest, RefusesConnectionsBeyondTheLimit) {
  const uint16_t port = Start({.connections_max = 2});
  RawConnection a(port);
  RawConnection b(port);
  for (RawConnection* connection : {&a, &b}) {
    connection->Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(connection->ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  }
  RawConnection c(port);
  EXPECT_THAT(c.ReadAll(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ServerTest, ListensOnBothLoopbacks) {
  const uint16_t port = Start();
  RawConnection v6(port, true);
  if (!v6.connected()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  v6.Send("GET /six HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(v6.ReadAnswer(), HasSubstr("GET /six"));
  IoThreads threads(1);
  auto other = Server::Create(threads, {}, [](Request, Responder) {});
  EXPECT_EQ(other->Listen("localhost:" + std::to_string(port)).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServerTest, StopFinishesWhatIsInFlight) {
  const uint16_t port = Start();
  RawConnection idle(port);
  idle.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.ReadAnswer();
  RawConnection busy(port);
  busy.Send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  std::thread releaser([&] {
    EXPECT_EQ(idle.ReadAll(), "");  // closed by Stop
    ReleaseKept();
  });
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(
        absl::Condition(+[](std::vector<Responder>* kept) { return !kept->empty(); }, &kept_));
  }
  server_->Stop(std::chrono::seconds(10));
  EXPECT_THAT(busy.ReadAll(), HasSubstr("late"));
  releaser.join();
  EXPECT_FALSE(RawConnection(port).connected());
}

TEST_F(ServerTest, AClosingAnswerSurvivesUnreadRequests) {
  RawConnection connection(Start());
  connection.Send("GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(
        absl::Condition(+[](std::vector<Responder>* kept) { return !kept->empty(); }, &kept_));
  }
  connection.Send("GET /more HTTP/1.1\r\nHost: x\r\n\r\n");
  ReleaseKept();
  EXPECT_THAT(connection.ReadAnswer(), EndsWith("late"));
  EXPECT_EQ(connection.ReadAll(), "");  // an end, not a reset
}

TEST_F(ServerTest, AResponderMayOutliveTheServer) {
  const uint16_t port = Start();
  RawConnection busy(port);
  busy.Send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(
        absl::Condition(+[](std::vector<Responder>* kept) { return !kept->empty(); }, &kept_));
  }
  server_.reset();
  EXPECT_EQ(busy.ReadAll(), "");
  ReleaseKept();
}

TEST(Acceptor, HandsOverWithTheFirstBytes) {
  IoThreads threads(2);
  auto server = Server::Create(threads, {}, [](Request request, Responder responder) {
    responder(Response::Text(200, "text/plain", request.path));
  });
  absl::Mutex mutex;
  std::vector<std::string> first;
  auto acceptor =
      Acceptor::Listen(threads, "localhost:0", [&](int fd, std::string bytes, Peer peer) {
        absl::MutexLock lock(&mutex);
        first.push_back(bytes);
        server->Adopt(fd, std::move(peer));
      });
  ASSERT_TRUE(acceptor.ok()) << acceptor.status();
  RawConnection silent((*acceptor)->port());
  RawConnection brief((*acceptor)->port());
  brief.Send("GE");
  brief.EndSending();
  RawConnection slow((*acceptor)->port());
  slow.Send("GE");
  RawConnection quick((*acceptor)->port());
  quick.Send("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(quick.ReadAnswer(), EndsWith("/quick"));
  slow.Send("T /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(slow.ReadAnswer(), EndsWith("/slow"));
  EXPECT_THAT(brief.ReadAll(), testing::AnyOf("", "<reset>"));
  (*acceptor)->Stop();
  EXPECT_EQ(silent.ReadAll(), "");
  absl::MutexLock lock(&mutex);
  EXPECT_EQ(first, (std::vector<std::string>{"GET ", "GET "}));
}

}  // namespace
}  // namespace afluente::http
