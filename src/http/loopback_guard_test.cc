#include "http/loopback_guard.h"

#include <gtest/gtest.h>

#include <utility>

namespace afluente::http {
namespace {

int StatusFor(std::vector<std::pair<std::string, std::string>> headers,
              const std::string& path = "/a") {
  const Handler guarded = GuardLoopback(
      [](Request, Responder responder) { responder(Response::Text(200, "text/plain", "in")); },
      {"api.ltm.example"});
  Request request;
  request.method = "GET";
  request.path = path;
  for (auto& [name, value] : headers) request.headers.Add(name, value);
  int status = 0;
  guarded(std::move(request), [&status](Response response) { status = response.status; });
  return status;
}

TEST(LoopbackGuard, LetsLoopbackNamesIn) {
  for (const char* host : {"localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "127.8.8.8",
                           "[::1]", "[::1]:8000", "api.ltm.example", "api.ltm.example:443"}) {
    EXPECT_EQ(StatusFor({{"Host", host}}), 200) << host;
  }
}

TEST(LoopbackGuard, RefusesRebinding) {
  for (const char* host :
       {"", "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example",
        "localhost:80:80", "localhost:x", "[::1", "[::1]x", "[::2]", "128.0.0.1", "127.1",
        "0.0.0.0", "localhost@evil.example", "evil.example#localhost", "2130706433",
        "localhost."}) {
    EXPECT_EQ(StatusFor({{"Host", host}}), 403) << host;
  }
  EXPECT_EQ(StatusFor({}), 403);
}

TEST(LoopbackGuard, RefusesForeignPages) {
  EXPECT_EQ(StatusFor({{"Host", "localhost"}, {"Origin", "http://localhost:3000"}}), 200);
  EXPECT_EQ(StatusFor({{"Host", "localhost"}, {"Origin", "https://127.0.0.1"}}), 200);
  for (const char* origin : {"http://evil.example", "null", "", "file://", "http://localhost.evil",
                             "http://localhost@evil.example", "chrome-extension://localhost"}) {
    EXPECT_EQ(StatusFor({{"Host", "localhost"}, {"Origin", origin}}), 403) << origin;
  }
  EXPECT_EQ(StatusFor({{"Host", "localhost"},
                       {"Origin", "http://localhost"},
                       {"Origin", "http://evil.example"}}),
            403);
}

TEST(LoopbackGuard, ExemptsTheHealthPathAlone) {
  EXPECT_EQ(StatusFor({{"Host", "10.0.0.9:8000"}}, "/health"), 200);
  EXPECT_EQ(StatusFor({{"Host", "10.0.0.9:8000"}}, "/health/"), 403);
  EXPECT_EQ(StatusFor({{"Host", "10.0.0.9:8000"}}, "/healthz"), 403);
}

}  // namespace
}  // namespace afluente::http
