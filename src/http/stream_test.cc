#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "host/cancellation.h"
#include "http/body_stream.h"
#include "http/raw_connection.h"
#include "http/server.h"

namespace afluente::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

// A server that answers every request with a stream of the test's, or keeps it.
class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    server_ = Server::Create(threads_, {}, [this](Request request, Responder responder) {
      if (request.path == "/wait") {
        request.cancellation->OnCancel([this] { cancelled_.Notify(); });
        kept_ = std::move(responder);
        return;
      }
      stream_ = std::make_shared<BodyStream>(1 << 10);
      stream_->OnGone([this] { gone_.Notify(); });
      Response response = Response::Text(200, "text/plain", "");
      response.stream = stream_;
      responder(std::move(response));
      answered_.Notify();
    });
    port_ = server_->Listen("127.0.0.1:0").value_or(0);
  }

  IoThreads threads_{2};
  std::shared_ptr<BodyStream> stream_;
  absl::Notification answered_;
  absl::Notification gone_;
  absl::Notification cancelled_;
  Responder kept_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
};

TEST_F(StreamTest, SendsChunksAndTheirEnd) {
  RawConnection connection(port_);
  connection.Send("GET /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  answered_.WaitForNotification();
  EXPECT_TRUE(stream_->Write("hello"));
  EXPECT_TRUE(stream_->Write(" world"));
  stream_->End();
  const std::string answer = connection.ReadAll();
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, EndsWith("\r\n0\r\n\r\n"));
  EXPECT_THAT(answer, HasSubstr("hello"));
  EXPECT_FALSE(stream_->Write("late"));
}

TEST_F(StreamTest, AnAbortedBodyHasNoEnd) {
  RawConnection connection(port_);
  connection.Send("GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
  answered_.WaitForNotification();
  EXPECT_TRUE(stream_->Write("part"));
  stream_->Abort();
  const std::string answer = connection.ReadAll();
  EXPECT_THAT(answer, EndsWith("4\r\npart\r\n"));
}

TEST_F(StreamTest, TheWriterLearnsThatThePeerIsGone) {
  {
    RawConnection connection(port_);
    connection.Send("GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
    answered_.WaitForNotification();
  }
  gone_.WaitForNotification();
  EXPECT_FALSE(stream_->Write("x"));
}

TEST_F(StreamTest, KeepsOnlySoMuchForASlowPeer) {
  RawConnection connection(port_);
  EXPECT_FALSE(BodyStream(4).Write("12345"));
  BodyStream unattached(4);
  EXPECT_TRUE(unattached.Write("123"));
  EXPECT_FALSE(unattached.Write("45"));
}

TEST_F(StreamTest, HeadGetsNoBody) {
  RawConnection connection(port_);
  connection.Send("HEAD /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(connection.ReadAll(), EndsWith("\r\n\r\n"));
  gone_.WaitForNotification();
}

TEST_F(StreamTest, StoppingEndsStreams) {
  RawConnection connection(port_);
  connection.Send("GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
  answered_.WaitForNotification();
  server_->Stop(std::chrono::seconds(5));
  gone_.WaitForNotification();
}

TEST_F(StreamTest, APeerThatLeavesCancelsItsRequest) {
  {
    RawConnection connection(port_);
    connection.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.EndSending();
    cancelled_.WaitForNotification();
  }
  kept_(Response::Text(200, "text/plain", "nobody is there"));
}

}  // namespace
}  // namespace afluente::http
