#include "identity/door_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "host/manual_clock.h"
#include "host/worker_pool.h"
#include "identity/fake_issuer.h"

namespace afluente::identity {
namespace {

using http::Role;

constexpr char kLogin[] = "https://login.example";

spec::Access AccessOfDoors() {
  const auto member = [](const char* text) { return *spec::ParseMember(text); };
  spec::Access access;
  access.members = {member("domain:ltm.example")};
  access.roles.viewer = {member("user:vera@ltm.example"), member("group:team@ltm.example")};
  access.roles.operators = {member("user:oleg@ltm.example")};
  access.roles.publisher = {member("user:pia@ltm.example")};
  access.roles.admin = {member("user:ada@ltm.example")};
  access.datasets = {{"secret", {member("user:oleg@ltm.example")}}};
  return access;
}

class DoorGateTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Ask(const std::string& authorization, Role role,
                                  std::vector<std::string> datasets = {}) {
    absl::StatusOr<std::string> said = absl::UnknownError("never decided");
    absl::Notification decided;
    gate_.Check({authorization, role, std::move(datasets)}, [&](absl::StatusOr<std::string> who) {
      said = std::move(who);
      decided.Notify();
    });
    decided.WaitForNotification();
    return said;
  }

  // An assertion, or, by `issuer_` of the login, an ID token.
  std::string Bearer(const std::string& email, nlohmann::json more = {}) const {
    nlohmann::json claims = FakeIssuer::Claims();
    claims["email"] = email;
    if (!more.is_null()) claims.update(more);
    return "Bearer " + issuer_.Sign(claims);
  }
  std::string IdToken(const std::string& email) const {
    return Bearer(email, {{"iss", kLogin},
                          {"aud", "web-client"},
                          {"email_verified", true},
                          {"groups", {"team@ltm.example"}}});
  }

  host::ManualClock clock_;
  FakeIssuer issuer_;
  absl::Status outage_;
  KeyLoader loader_ = [this]() -> absl::StatusOr<LoadedKeys> {
    if (!outage_.ok()) return outage_;
    return LoadedKeys{issuer_.KeySetText(), std::chrono::seconds(300)};
  };
  CachedKeySource assertion_keys_{loader_, clock_};
  CachedKeySource login_keys_{loader_, clock_};
  std::unique_ptr<Verifier> assertions_ =
      MakeVerifier(AssertionRules(kTestIssuer, kTestAudience), assertion_keys_, clock_);
  std::unique_ptr<Verifier> id_tokens_ = MakeVerifier(
      [] {
        TokenRules rules = IdTokenRules(kLogin, {"web-client"});
        rules.groups_claim = "groups";
        return rules;
      }(),
      login_keys_, clock_);
  Policy policy_{AccessOfDoors()};
  host::WorkerPool workers_{1, 4};
  DoorGate gate_{"door", {assertions_.get(), id_tokens_.get()}, policy_, workers_};
};

TEST_F(DoorGateTest, RolesDecide) {
  EXPECT_EQ(Ask(Bearer("Vera@ltm.example"), Role::kViewer).value_or(""), "vera@ltm.example");
  EXPECT_TRUE(Ask(Bearer("oleg@ltm.example"), Role::kViewer).ok());
  EXPECT_TRUE(Ask(Bearer("ada@ltm.example"), Role::kAdmin).ok());
  EXPECT_TRUE(Ask(Bearer("pia@ltm.example"), Role::kPublisher).ok());
  for (const auto& [email, role] : std::initializer_list<std::pair<const char*, Role>>{
           {"vera@ltm.example", Role::kOperator},
           {"oleg@ltm.example", Role::kAdmin},
           {"pia@ltm.example", Role::kViewer},
           {"eve@ltm.example", Role::kViewer},
           {"vera@ltm.example.evil.example", Role::kViewer}}) {
    const auto refused = Ask(Bearer(email), role);
    EXPECT_TRUE(absl::IsPermissionDenied(refused.status())) << email << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), testing::Not(testing::HasSubstr("access")))
        << "the reason is for the log";
  }
}

TEST_F(DoorGateTest, DatasetsDecideToo) {
  EXPECT_TRUE(Ask(Bearer("oleg@ltm.example"), Role::kViewer, {"open", "secret"}).ok());
  EXPECT_TRUE(Ask(Bearer("vera@ltm.example"), Role::kViewer, {"open"}).ok());
  const auto refused = Ask(Bearer("vera@ltm.example"), Role::kViewer, {"open", "secret"});
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
  EXPECT_FALSE(Ask(Bearer("ada@ltm.example"), Role::kAdmin, {"secret"}).ok())
      << "a dataset's members are a list of their own";
}

TEST_F(DoorGateTest, TakesIdTokensOfTheLoginWithTheirGroups) {
  EXPECT_EQ(Ask(IdToken("gus@ltm.example"), Role::kViewer).value_or(""), "gus@ltm.example");
  EXPECT_FALSE(Ask(IdToken("gus@ltm.example"), Role::kOperator).ok());
}

TEST_F(DoorGateTest, WhatIsNoBearerTokenIsNobody) {
  const std::string good = Bearer("ada@ltm.example");
  for (const std::string& authorization :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Basic YTpi"),
        good.substr(7), good + "x", "Bearer " + good, std::string(1 << 20, 'B')}) {
    const auto refused = Ask(authorization, Role::kViewer);
    EXPECT_TRUE(absl::IsUnauthenticated(refused.status())) << authorization.substr(0, 40);
  }
  std::string lower = good;
  lower[0] = 'b';
  EXPECT_TRUE(Ask(lower, Role::kAdmin).ok()) << "schemes have no case (RFC 9110, 11.1)";
}

TEST_F(DoorGateTest, WithoutKeysItIsNobodysFault) {
  outage_ = absl::UnavailableError("down");
  EXPECT_TRUE(absl::IsUnavailable(Ask(Bearer("ada@ltm.example"), Role::kAdmin).status()));
}

}  // namespace
}  // namespace afluente::identity
