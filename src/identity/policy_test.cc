#include "identity/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afluente::identity {
namespace {

spec::Members Members(const std::vector<const char*>& texts) {
  spec::Members members;
  for (const char* text : texts) members.push_back(*spec::ParseMember(text));
  return members;
}

spec::Access AccessOf(const std::vector<const char*>& members) {
  spec::Access access;
  access.members = Members(members);
  access.groups = {{"analysts@ltm.example", {"ana@ltm.example", "bob@ltm.example"}}};
  return access;
}

struct MemberCase {
  const char* member;
  const char* email;
  bool admitted;
};

TEST(Policy, AdmitsByIamsMembers) {
  const MemberCase kCases[] = {
      {"user:ana@ltm.example", "ana@ltm.example", true},
      {"user:Ana@LTM.example", "ana@ltm.example", true},
      {"user:ana@ltm.example", "bana@ltm.example", false},
      {"user:ana@ltm.example", "ana@ltm.example.evil", false},
      {"domain:ltm.example", "ana@ltm.example", true},
      {"domain:ltm.example", "ana@sub.ltm.example", false},
      {"domain:ltm.example", "ana@evilltm.example", false},
      {"domain:ltm.example", "ana@ltm.example.evil", false},
      {"domain:ltm.example", "ltm.example@evil.example", false},
      {"domain:p.iam.gserviceaccount.com", "r@p.iam.gserviceaccount.com", false},
      {"serviceAccount:r@p.iam.gserviceaccount.com", "r@p.iam.gserviceaccount.com", true},
      {"serviceAccount:r@p.iam.gserviceaccount.com", "s@p.iam.gserviceaccount.com", false},
      {"group:analysts@ltm.example", "ana@ltm.example", true},
      {"group:analysts@ltm.example", "eve@ltm.example", false},
      {"group:analysts@ltm.example", "analysts@ltm.example", false},
      {"allAuthenticatedUsers", "anyone@any.example", true},
  };
  for (const MemberCase& each : kCases) {
    const Policy policy(AccessOf({each.member}));
    const absl::Status status = policy.CheckEndpoint(policy.ToCaller(each.email, {}), "/a");
    EXPECT_EQ(status.ok(), each.admitted) << each.member << " " << each.email << " " << status;
    EXPECT_TRUE(status.ok() || absl::IsPermissionDenied(status));
  }
}

TEST(Policy, NobodyIsAMemberOfNothing) {
  const Policy policy(AccessOf({}));
  EXPECT_FALSE(policy.CheckEndpoint(policy.ToCaller("ana@ltm.example", {}), "/a").ok());
}

TEST(Policy, TheMostSpecificPatternDecidesBesidesTheMembers) {
  spec::Access access = AccessOf({"domain:ltm.example"});
  access.endpoints = {{"/*", Members({"user:ana@ltm.example", "user:carl@ltm.example"})},
                      {"/app/{id}", Members({"user:bob@ltm.example"})},
                      {"/app/*", Members({"user:carl@ltm.example", "user:x@other.example"})}};
  const Policy policy(access);
  const auto allowed = [&policy](const char* email, const char* path) {
    return policy.CheckEndpoint(policy.ToCaller(email, {}), path).ok();
  };
  EXPECT_TRUE(allowed("ana@ltm.example", "/other"));
  EXPECT_FALSE(allowed("bob@ltm.example", "/other"));
  EXPECT_TRUE(allowed("bob@ltm.example", "/app/{id}"));
  EXPECT_FALSE(allowed("ana@ltm.example", "/app/{id}"));
  EXPECT_FALSE(allowed("carl@ltm.example", "/app/{id}"));
  EXPECT_TRUE(allowed("carl@ltm.example", "/app/{id}/more"));
  EXPECT_FALSE(allowed("ana@ltm.example", "/app/{id}/more"));
  EXPECT_FALSE(allowed("x@other.example", "/app/{id}/more")) << "members come first";
}

TEST(Policy, GroupsComeFromTheSpecificationAndFromTheToken) {
  const Policy policy(AccessOf({"group:ops@ltm.example"}));
  const Caller caller = policy.ToCaller("ana@ltm.example", {"ops@ltm.example", "ops@ltm.example"});
  EXPECT_THAT(caller.groups, testing::ElementsAre("analysts@ltm.example", "ops@ltm.example"));
  EXPECT_TRUE(policy.CheckEndpoint(caller, "/a").ok());
}

TEST(Policy, RolesIncludeTheLesserOnes) {
  spec::Access access = AccessOf({});
  access.roles.viewer = Members({"user:v@x.y"});
  access.roles.operators = Members({"user:o@x.y"});
  access.roles.publisher = Members({"user:p@x.y"});
  access.roles.admin = Members({"user:a@x.y"});
  const Policy policy(access);
  const struct {
    const char* email;
    bool viewer, operator_, publisher, admin;
  } kTable[] = {{"v@x.y", true, false, false, false},
                {"o@x.y", true, true, false, false},
                {"p@x.y", false, false, true, false},
                {"a@x.y", true, true, true, true},
                {"n@x.y", false, false, false, false}};
  for (const auto& each : kTable) {
    const Caller caller = policy.ToCaller(each.email, {});
    EXPECT_EQ(policy.CheckRole(caller, Role::kViewer).ok(), each.viewer) << each.email;
    EXPECT_EQ(policy.CheckRole(caller, Role::kOperator).ok(), each.operator_) << each.email;
    EXPECT_EQ(policy.CheckRole(caller, Role::kPublisher).ok(), each.publisher) << each.email;
    EXPECT_EQ(policy.CheckRole(caller, Role::kAdmin).ok(), each.admin) << each.email;
  }
}

TEST(Policy, ADatasetsListNarrowsTheViewers) {
  spec::Access access = AccessOf({});
  access.roles.viewer = Members({"domain:x.y"});
  access.datasets["secret"] = Members({"user:a@x.y", "user:b@other.example"});
  const Policy policy(access);
  EXPECT_TRUE(policy.CheckDataset(policy.ToCaller("a@x.y", {}), "secret").ok());
  EXPECT_FALSE(policy.CheckDataset(policy.ToCaller("c@x.y", {}), "secret").ok());
  EXPECT_FALSE(policy.CheckDataset(policy.ToCaller("b@other.example", {}), "secret").ok());
  EXPECT_TRUE(policy.CheckDataset(policy.ToCaller("c@x.y", {}), "open").ok());
}

}  // namespace
}  // namespace afluente::identity
