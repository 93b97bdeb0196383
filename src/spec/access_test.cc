#include "spec/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/access_forms.h"
#include "spec/member.h"
#include "spec/scratch_directory.h"
#include "spec/spec.h"

namespace afluente::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kBegin = R"(project: p
datasets: {d: {}}
endpoints:
  "/app/{id}": {sql: q.sql, parameters: {id: INT64}}
  "/app": {sql: q.sql}
)";

class AccessTest : public testing::Test {
 protected:
  absl::StatusOr<Spec> LoadWith(const std::string& access) {
    directory_.Write("q.sql", "SELECT 1");
    directory_.Write("secret", "s");
    return Load(directory_.Write("a.yaml", std::string(kBegin) + access));
  }
  std::string FindingsOf(const std::string& access) {
    const auto spec = LoadWith(access);
    return spec.ok() ? "" : std::string(spec.status().message());
  }

  ScratchDirectory directory_;
};

TEST_F(AccessTest, ReadsTheWholeBlock) {
  const auto spec = LoadWith(R"(access:
  members: ["domain:LTM.example", "user:Ana@ltm.example", allAuthenticatedUsers]
  endpoints: {"/app/*": {members: ["group:Analysts@ltm.example"]}}
  groups: {"analysts@ltm.example": ["Ana@ltm.example"]}
  login: {issuer: "http://127.0.0.1:99/x", client_id: c, client_secret_file: secret}
  hosts: [API.ltm.example]
  roles: {viewer: ["domain:ltm.example"], operator: [], publisher: [], admin: []}
  datasets: {d: {members: ["user:ana@ltm.example"]}}
)");
  ASSERT_TRUE(spec.ok()) << spec.status();
  const Access& access = *spec->access;
  EXPECT_THAT(access.members, ElementsAre(Member{MemberKind::kDomain, "ltm.example"},
                                          Member{MemberKind::kUser, "ana@ltm.example"},
                                          Member{MemberKind::kAllAuthenticatedUsers, ""}));
  ASSERT_EQ(access.endpoints.size(), 1u);
  EXPECT_EQ(access.endpoints[0].pattern, "/app/*");
  EXPECT_THAT(access.endpoints[0].members,
              ElementsAre(Member{MemberKind::kGroup, "analysts@ltm.example"}));
  EXPECT_THAT(access.groups.at("analysts@ltm.example"), ElementsAre("ana@ltm.example"));
  EXPECT_EQ(access.login->issuer, "http://127.0.0.1:99/x");
  EXPECT_TRUE(access.login->client_secret_file.ends_with("/secret"));
  EXPECT_THAT(access.hosts, ElementsAre("api.ltm.example"));
  EXPECT_EQ(access.roles.viewer.size(), 1u);
  EXPECT_EQ(access.datasets.at("d").size(), 1u);
  EXPECT_FALSE(access.assertion.has_value());
}

TEST_F(AccessTest, AKeyFileIsRelativeToTheSpecification) {
  const auto spec = LoadWith(R"(access:
  members: [allAuthenticatedUsers]
  assertion: {issuer: "https://cloud.google.com/iap", audience: /projects/1/apps/p,
              jwks_uri: "file:keys.json"}
)");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(spec->access->assertion->jwks_uri.starts_with("file:/"));
  EXPECT_TRUE(spec->access->assertion->jwks_uri.ends_with("/keys.json"));
}

TEST_F(AccessTest, EachMistakeHasItsPlace) {
  const std::pair<const char*, const char*> kMistakes[] = {
      {"access: {}", "a.yaml:6:9: access.members is missing"},
      {"access: {members: [allUsers]}", "a.yaml:6:20: access.members[0]"},
      {"access: {members: [\"user:ana\"]}", "a.yaml:6:20: access.members[0]"},
      {"access: {members: [\"User:ana@x.y\"]}", "a.yaml:6:20: access.members[0]"},
      {"access: {members: [\"user:r@p.iam.gserviceaccount.com\"]}", "a.yaml:6:20:"},
      {"access: {members: [\"serviceAccount:ana@x.y\"]}", "a.yaml:6:20:"},
      {"access: {members: [\"group:g@x.y\"]}",
       "a.yaml:6:20: access.members: group g@x.y is not in"},
      {"access: {members: [], endpoints: {\"/ap/*\": {members: []}}}",
       "a.yaml:6:35: access.endpoints: \"/ap/*\" matches no endpoint"},
      {"access: {members: [], endpoints: {\"/a*p\": {members: []}}}", "a.yaml:6:35:"},
      {"access: {members: [], datasets: {e: {members: []}}}", "a.yaml:6:34: access.datasets"},
      {"access: {members: [], login: {issuer: \"http://x.y\", client_id: c}}", "a.yaml:6:39:"},
      {"access: {members: [], login: {issuer: \"https://x.y\", client_id: c, client_secret_file: "
       "n}}",
       "there is no file"},
      {"access: {members: [], assertion: {issuer: \"https://x.y\", audience: /projects/p/apps/q, "
       "jwks_uri: \"file:k\"}}",
       "access.assertion.audience"},
      {"access: {members: [], assertion: {issuer: \"https://x.y\", audience: /projects/1/apps/q, "
       "jwks_uri: \"http://169.254.169.254/k\"}}",
       "access.assertion.jwks_uri"},
      {"access: {members: [], hosts: [\"x:1\"]}", "access.hosts[0]"},
      {"access: {members: [], member: []}", "did you mean members?"},
      {"tls: {certificate_file: none, key_file: none}", "tls.key_file: there is no file"},
  };
  for (const auto& [text, finding] : kMistakes) {
    EXPECT_THAT(FindingsOf(text), HasSubstr(finding)) << text;
  }
}

TEST_F(AccessTest, AClaimMayNameGroupsUnlessAnOutsideProxySigns) {
  const std::string login = "login: {issuer: \"https://x.y\", client_id: c, groups_claim: groups}";
  const std::string assertion =
      "assertion: {issuer: \"https://x.y\", audience: /projects/1/apps/q, jwks_uri: \"file:k\"}";
  EXPECT_EQ(FindingsOf("access: {members: [\"group:g@x.y\"], " + login + "}"), "");
  EXPECT_THAT(FindingsOf("access: {members: [\"group:g@x.y\"], " + login + ", " + assertion + "}"),
              HasSubstr("an outside assertion names no groups"));
}

TEST(Patterns, MatchThePathOrItsBeginning) {
  EXPECT_TRUE(MatchesEndpoint("/app/{id}", "/app/{id}"));
  EXPECT_TRUE(MatchesEndpoint("/app/*", "/app/{id}"));
  EXPECT_TRUE(MatchesEndpoint("/*", "/app"));
  EXPECT_FALSE(MatchesEndpoint("/app/*", "/app"));
  EXPECT_FALSE(MatchesEndpoint("/app/*", "/application/x"));
  EXPECT_FALSE(MatchesEndpoint("/app", "/app/{id}"));
}

TEST(Forms, OfAudiences) {
  for (const char* good :
       {"/projects/1/locations/us-central1/services/api", "/projects/12/global/backendServices/345",
        "/projects/1/apps/ltm-demo"}) {
    EXPECT_TRUE(IsAssertionAudience(good)) << good;
  }
  for (const char* bad :
       {"", "/projects/p/apps/x", "/projects/1/apps/", "/projects/1/apps/x/", "projects/1/apps/x",
        "/projects/1/locations/r/services/", "/projects/1/global/backendServices/x",
        "/projects/1/global/services/1", "/projects//apps/x", "https://x.y"}) {
    EXPECT_FALSE(IsAssertionAudience(bad)) << bad;
  }
}

TEST(Forms, OfEmailsAndDomains) {
  for (const char* good : {"a@b", "first.last+tag@x-y.example"}) EXPECT_TRUE(IsEmail(good)) << good;
  for (const char* bad :
       {"", "@b", "a@", "a@b@c", "a b@c", "a@b..c", "a@-b", "a@b.", "a@\xc3\xa9"}) {
    EXPECT_FALSE(IsEmail(bad)) << bad;
  }
}

TEST(Forms, OfUrls) {
  for (const char* good : {"https://x.y", "https://x.y:8443/a/b", "http://localhost:1/a",
                           "http://127.0.0.1", "http://[::1]:80/x"}) {
    EXPECT_TRUE(IsSafeUrl(good)) << good;
  }
  for (const char* bad : {"http://x.y", "https://", "https://u@x.y", "http://127.0.0.1@x.y",
                          "https://x.y?q", "https://x.y#f", "https://x.y:p", "http://[::1].x",
                          "http://localhost.x.y", "https://x y", "HTTPS://x.y", "javascript:x"}) {
    EXPECT_FALSE(IsSafeUrl(bad)) << bad;
  }
}

}  // namespace
}  // namespace afluente::spec
