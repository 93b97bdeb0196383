// The proxy's pure parts: paths, forms and cookies, sessions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manual_clock.h"
#include "identity/form.h"
#include "identity/request_target.h"
#include "identity/sealed.h"
#include "identity/sessions.h"

namespace afluente::identity {
namespace {

using std::chrono::seconds;

TEST(CheckPath, RefusesWhatTwoServersCouldReadAsTwo) {
  for (const char* path :
       {"/", "/a", "/a/", "/app_info/7:x", "/a/%20b", "/a/100%25", "/a.b/c", "/a/..b", "/%C3%B1"}) {
    EXPECT_TRUE(CheckPath(path).ok()) << path;
  }
  for (const char* path :
       {"",         "a",      "//a",    "/a//b",  "/a/../b",   "/./a",      "/a/..",
        "/a/.",     "/a%2fb", "/a%2Fb", "/a%5cb", "/%2e%2e/a", "/%2e",      "/a;b",
        "/a%3bb",   "/a#b",   "/a%23b", "/a\\b",  "/a%00",     "/a%0d%0a",  "/a%7f",
        "/a%252fb", "/a%",    "/a%2",   "/a%zz",  "/a b",      "/\xc3\xb1", "/a%3fb"}) {
    EXPECT_FALSE(CheckPath(path).ok()) << path;
  }
}

TEST(IsSameSitePath, KeepsABrowserHere) {
  EXPECT_TRUE(IsSameSitePath("/a?b=c&d=//e"));
  for (const char* target : {"", "//evil.example", "/\\evil.example", "https://evil.example",
                             "/%5cevil", "/a\r\nX: y", "/a#b", "javascript:x"}) {
    EXPECT_FALSE(IsSameSitePath(target)) << target;
  }
}

TEST(Form, IsReadBackAsItWasWritten) {
  const FormFields fields = {{"a b", "c&d=e+%"}, {"\xc3\xb1", ""}};
  EXPECT_EQ(*ParseForm(EncodeForm(fields)), fields);
  EXPECT_FALSE(ParseForm("a=%zz").has_value());
  EXPECT_EQ(OnlyField({{"a", "1"}, {"a", "2"}}, "a"), "");
}

TEST(Cookies, ATossedOneHidesBoth) {
  EXPECT_EQ(OnlyCookie("x=1; afluente_session=2", "afluente_session"), "2");
  EXPECT_EQ(OnlyCookie("afluente_session=1; afluente_session=2", "afluente_session"), "");
  EXPECT_EQ(WithoutCookies("a=1; afluente_session=2; b=3", "afluente_"), "a=1; b=3");
}

TEST(Sealer, OpensItsOwnForTheirPurposeInTheirTime) {
  host::ManualClock clock;
  const Sealer sealer(clock);
  const std::string sealed = sealer.Seal("login", {{"a", 1}}, seconds(10));
  EXPECT_EQ((*sealer.Open("login", sealed))["a"], 1);
  EXPECT_FALSE(sealer.Open("session", sealed));
  EXPECT_FALSE(Sealer(clock).Open("login", sealed)) << "another process's key";
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(sealer.Open("login", changed)) << i;
  }
  clock.Advance(seconds(10));
  EXPECT_FALSE(sealer.Open("login", sealed));
}

class SessionsTest : public testing::Test {
 protected:
  static http::Headers Sent(const std::string& set_cookie) {
    http::Headers headers;
    headers.Add("Cookie", set_cookie.substr(0, set_cookie.find(';')));
    return headers;
  }
  host::ManualClock clock_;
  Sessions sessions_{clock_};
  const ProvenUser ana_{"1", "ana@ltm.example", {"g@x.y"}};
};

TEST_F(SessionsTest, LiveEightHoursAndChangeTheirId) {
  const http::Headers first = Sent(sessions_.Begin(ana_, false));
  const auto session = sessions_.Find(first, false);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->user.email, ana_.email);
  EXPECT_EQ(session->user.groups, ana_.groups);
  EXPECT_FALSE(sessions_.RenewIfDue(*session, false));
  clock_.Advance(seconds(15 * 60));
  const auto renewed = sessions_.RenewIfDue(*session, false);
  ASSERT_TRUE(renewed);
  EXPECT_NE(sessions_.Find(Sent(*renewed), false)->id, session->id);
  clock_.Advance(seconds(8 * 3600 - 15 * 60));
  EXPECT_FALSE(sessions_.Find(Sent(*renewed), false)) << "renewing must not prolong it";
}

TEST_F(SessionsTest, SigningOutEndsAllOfThemAndSigningInAgainWorks) {
  const http::Headers first = Sent(sessions_.Begin(ana_, false));
  sessions_.End(*sessions_.Find(first, false));
  EXPECT_FALSE(sessions_.Find(first, false));
  clock_.Advance(std::chrono::microseconds(1));
  EXPECT_TRUE(sessions_.Find(Sent(sessions_.Begin(ana_, false)), false));
}

TEST_F(SessionsTest, ACookieBehindTlsIsBoundToItsHost) {
  const std::string cookie = sessions_.Begin(ana_, true);
  EXPECT_THAT(cookie,
              testing::AllOf(testing::StartsWith("__Host-afluente_session="),
                             testing::HasSubstr("; Path=/;"), testing::HasSubstr("; HttpOnly"),
                             testing::HasSubstr("; SameSite=Lax"), testing::HasSubstr("; Secure")));
  EXPECT_FALSE(sessions_.Find(Sent(cookie), false));
}

}  // namespace
}  // namespace afluente::identity
