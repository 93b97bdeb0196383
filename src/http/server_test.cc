#include "http/server.h"

#include <gtest/gtest.h>

#include "http/client.h"

namespace afluente::http {
namespace {

TEST(Server, AnswersARequest) {
  IoThreads threads(2);
  auto server = Server::Create(threads, {}, [](Request request, Responder responder) {
    responder(Response::Text(200, "text/plain", request.method + " " + request.path));
  });
  const auto port = server->Listen("127.0.0.1:0");
  ASSERT_TRUE(port.ok()) << port.status();
  const auto answer = Fetch("GET", "http://127.0.0.1:" + std::to_string(*port) + "/x?y=1");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "GET /x");
}

}  // namespace
}  // namespace afluente::http
