#include "identity/assertion_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "host/manual_clock.h"
#include "host/worker_pool.h"
#include "identity/fake_issuer.h"
#include "identity/identity_headers.h"

namespace afluente::identity {
namespace {

spec::Access AccessOfAna() {
  spec::Access access;
  access.members = {*spec::ParseMember("domain:ltm.example")};
  access.endpoints = {{"/secret", {*spec::ParseMember("group:analysts@ltm.example")}}};
  access.groups = {{"analysts@ltm.example", {"ana@ltm.example"}}};
  return access;
}

class AssertionGateTest : public testing::Test {
 protected:
  // The status, and what the inner handler was asked.
  int Send(const std::string& path, const http::Headers& headers) {
    http::Request request;
    request.method = "GET";
    request.path = request.target = path;
    request.headers = headers;
    absl::Notification answered;
    http::Response answer;
    gate_.Guard([this](http::Request inner, http::Responder responder) {
      passed_ = inner.path;
      auto caller = gate_.Admit(inner, inner.path);
      if (caller.ok()) caller_ = *caller;
      responder(http::Response::Text(caller.ok()                                 ? 200
                                     : absl::IsPermissionDenied(caller.status()) ? 403
                                                                                 : 500,
                                     "", ""));
    })(std::move(request), [&](http::Response response) {
      answer = std::move(response);
      answered.Notify();
    });
    answered.WaitForNotification();
    body_ = answer.body;
    return answer.status;
  }

  static http::Headers With(const std::string& token) {
    http::Headers headers;
    headers.Add(kAssertionHeader, token);
    return headers;
  }
  std::string TokenOf(const std::string& email) const {
    nlohmann::json claims = FakeIssuer::Claims();
    claims["email"] = email;
    return issuer_.Sign(claims);
  }

  host::ManualClock clock_;
  FakeIssuer issuer_;
  absl::Status outage_;
  CachedKeySource keys_{[this]() -> absl::StatusOr<LoadedKeys> {
                          if (!outage_.ok()) return outage_;
                          return LoadedKeys{issuer_.KeySetText(), std::chrono::seconds(300)};
                        },
                        clock_};
  std::unique_ptr<Verifier> verifier_ =
      MakeVerifier(AssertionRules(kTestIssuer, kTestAudience), keys_, clock_);
  Policy policy_{AccessOfAna()};
  host::WorkerPool workers_{1, 4};
  AssertionGate gate_{*verifier_, policy_, workers_};
  std::string passed_;
  std::string body_;
  Caller caller_;
};

TEST_F(AssertionGateTest, AGoodAssertionPassesWithItsCaller) {
  EXPECT_EQ(Send("/secret", With(TokenOf("ana@ltm.example"))), 200);
  EXPECT_EQ(caller_.email, "ana@ltm.example");
  EXPECT_THAT(caller_.groups, testing::ElementsAre("analysts@ltm.example"));
}

TEST_F(AssertionGateTest, ThePolicyDecidesByEndpoint) {
  EXPECT_EQ(Send("/open", With(TokenOf("bob@ltm.example"))), 200);
  EXPECT_EQ(Send("/secret", With(TokenOf("bob@ltm.example"))), 403);
  EXPECT_EQ(Send("/open", With(TokenOf("bob@other.example"))), 403);
}

TEST_F(AssertionGateTest, TellsWhatElseACallerMayUse) {
  const auto may = [this](const http::Headers& headers, const std::string& path) {
    http::Request request;
    request.headers = headers;
    return gate_.MayUse(request, path);
  };
  const http::Headers bob = With(TokenOf("bob@ltm.example"));
  ASSERT_EQ(Send("/open", bob), 200);
  EXPECT_TRUE(may(bob, "/open"));
  EXPECT_FALSE(may(bob, "/secret"));
  ASSERT_EQ(Send("/secret", With(TokenOf("ana@ltm.example"))), 200);
  EXPECT_TRUE(may(With(TokenOf("ana@ltm.example")), "/secret"));
  EXPECT_FALSE(may({}, "/open"));
  EXPECT_FALSE(may(With("x.y.z"), "/open"));
}

TEST_F(AssertionGateTest, WithoutOneOnlyHealthIsOpen) {
  EXPECT_EQ(Send("/open", {}), 401);
  EXPECT_EQ(Send("/nowhere", {}), 401);
  EXPECT_EQ(Send("/health/", {}), 401);
  EXPECT_EQ(passed_, "");
  Send("/health", {});
  EXPECT_EQ(passed_, "/health");
}

TEST_F(AssertionGateTest, TheReasonStaysInTheLog) {
  EXPECT_EQ(Send("/open", With("x.y.z")), 401);
  EXPECT_THAT(body_, testing::Not(testing::HasSubstr("base64")));
}

TEST_F(AssertionGateTest, TwoAssertionsOrAnotherSpellingAreNone) {
  const std::string good = TokenOf("ana@ltm.example");
  http::Headers twice = With(good);
  twice.Add("x-goog-iap-jwt-assertion", good);
  EXPECT_EQ(Send("/open", twice), 401);
  for (const char* spelling :
       {"X_Goog_IAP_JWT_Assertion", "X-Goog-IAP_JWT-Assertion", "X.Goog.IAP.JWT.Assertion"}) {
    http::Headers alone;
    alone.Add(spelling, good);
    EXPECT_EQ(Send("/open", alone), 401) << spelling;
    http::Headers beside = With(good);
    beside.Add(spelling, TokenOf("eve@ltm.example"));
    EXPECT_EQ(Send("/open", beside), 401) << spelling;
  }
  EXPECT_EQ(Send("/open", With(good)), 200);
}

TEST_F(AssertionGateTest, AnOutageIsNotTheCallersFault) {
  outage_ = absl::UnavailableError("down");
  EXPECT_EQ(Send("/open", With(TokenOf("ana@ltm.example"))), 503);
  outage_ = absl::OkStatus();
  clock_.Advance(CachedKeySource::kRefreshInterval);
  EXPECT_EQ(Send("/open", With(TokenOf("ana@ltm.example"))), 200);
}

TEST(IdentityHeaders, AreToldInEverySpelling) {
  for (const char* name :
       {"X-Goog-Authenticated-User-Email", "x-goog-authenticated-user-id",
        "X_GOOG_IAP_JWT_ASSERTION", "x.goog-iap_jwt-assertion", "X-Goog-Iap-Anything",
        "Remote_User", "X-Auth-Request-Email", "X-Serverless-Authorization"}) {
    EXPECT_TRUE(IsIdentityHeader(name)) << name;
  }
  for (const char* name : {"Accept", "X-Goog", "X-Google-Iap", "Authorization", "User-Agent"}) {
    EXPECT_FALSE(IsIdentityHeader(name)) << name;
  }
  for (const char* name : {"X-Forwarded-For", "x_forwarded_uri", "X-Original-URL", "Forwarded",
                           "X-Rewrite-Url", "X-HTTP-Method-Override", "Proxy-Authorization"}) {
    EXPECT_TRUE(IsForwardingHeader(name)) << name;
  }
  EXPECT_FALSE(IsForwardingHeader("Accept"));
}

}  // namespace
}  // namespace afluente::identity
