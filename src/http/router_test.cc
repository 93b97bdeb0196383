#include "http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace afluente::http {
namespace {

using testing::HasSubstr;

// Routes a request and returns the pattern that took it with its values, or the refusal.
class RouterTest : public testing::Test {
 protected:
  absl::Status Add(const std::string& method, const std::string& pattern) {
    return router_.Add(method, pattern,
                       [pattern](Request, PathParameters values, Responder responder) {
                         std::string text = pattern;
                         for (const auto& [name, value] : values) text += " " + name + "=" + value;
                         responder(Response::Text(200, "text/plain", text));
                       });
  }
  Response Route(const std::string& method, const std::string& path) {
    Request request;
    request.method = method;
    request.path = path;
    Response result{0, {}, ""};
    router_.Handle(std::move(request),
                   [&result](Response response) { result = std::move(response); });
    return result;
  }
  std::string Get(const std::string& path) {
    const Response response = Route("GET", path);
    return response.status == 200 ? response.body : std::to_string(response.status);
  }

  Router router_;
};

TEST_F(RouterTest, PartsOfASegment) {
  ASSERT_TRUE(Add("GET", "/app_info/{app_id}:{app_department}").ok());
  EXPECT_EQ(Get("/app_info/7:sales"),
            "/app_info/{app_id}:{app_department} app_department=sales app_id=7");
  EXPECT_THAT(Get("/app_info/7:a:b"), HasSubstr("app_department=a:b app_id=7"));
  EXPECT_THAT(Get("/app_info/7%3A8:x"), HasSubstr("app_department=x app_id=7:8"));
  EXPECT_THAT(Get("/app_info/7:a%2Fb"), HasSubstr("app_department=a/b"));
  EXPECT_THAT(Get("/app_info/7:a%252Fb"), HasSubstr("app_department=a%2Fb"));
  EXPECT_THAT(Get("/app_info/7:a+b"), HasSubstr("app_department=a+b"));
  EXPECT_EQ(Get("/app_info/::x"), "/app_info/{app_id}:{app_department} app_department=x app_id=:");
  EXPECT_EQ(Get("/app_info/7:"), "404");
  EXPECT_EQ(Get("/app_info/:7"), "404");
  EXPECT_EQ(Get("/app_info/7"), "404");
  EXPECT_EQ(Get("/app_info/7:x/"), "404");
  EXPECT_EQ(Get("/app_info//7:x"), "404");
  EXPECT_EQ(Get("//app_info/7:x"), "404");
  EXPECT_EQ(Get("/app_info/../app_info/7:x"), "404");
  EXPECT_EQ(Get("/App_info/7:x"), "404");
  EXPECT_EQ(Get("/app%5Finfo/7:x"), "404");
}

TEST_F(RouterTest, BadEncodingsAre400) {
  ASSERT_TRUE(Add("GET", "/a/{x}").ok());
  for (const char* path :
       {"/a/%", "/a/%2", "/a/%zz", "/a/%ff", "/a/%00", "/a/%c0%80", "/a/%ed%a0%80", "/a/x%C3"}) {
    EXPECT_EQ(Get(path), "400") << path;
  }
  EXPECT_THAT(Route("GET", "/a/%zz").body, HasSubstr("path parameter 'x'"));
  EXPECT_EQ(Get("/a/%C3%A9"), "/a/{x} x=\xc3\xa9");
}

TEST_F(RouterTest, LiteralsBindTighter) {
  for (const char* pattern : {"/{a}", "/{a=**}", "/x", "/x{a}", "/xy{a}", "/x/{b}", "/x/y",
                              "/{a}/y", "/v/{n=**}:act", "/v/{n=**}", "/v/{n}"}) {
    ASSERT_TRUE(Add("GET", pattern).ok()) << pattern;
  }
  EXPECT_EQ(Get("/x"), "/x");
  EXPECT_EQ(Get("/xz"), "/x{a} a=z");
  EXPECT_EQ(Get("/xyz"), "/xy{a} a=z");
  EXPECT_EQ(Get("/z"), "/{a} a=z");
  EXPECT_EQ(Get("/x/y"), "/x/y");
  EXPECT_EQ(Get("/x/z"), "/x/{b} b=z");
  EXPECT_EQ(Get("/z/y"), "/{a}/y a=z");
  EXPECT_EQ(Get("/z/w"), "/{a=**} a=z/w");
  EXPECT_EQ(Get("/v/q"), "/v/{n} n=q");
  EXPECT_EQ(Get("/v/q/r"), "/v/{n=**} n=q/r");
  EXPECT_EQ(Get("/v/q/r:act"), "/v/{n=**}:act n=q/r");
}

TEST_F(RouterTest, CustomVerbs) {
  ASSERT_TRUE(Add("POST", "/v1/projects/{p}/topics/{t}:publish").ok());
  ASSERT_TRUE(Add("PUT", "/v1/projects/{p}/topics/{t}").ok());
  ASSERT_TRUE(Add("GET", "/v1/projects/{p}/topics/{t}").ok());
  EXPECT_EQ(Route("POST", "/v1/projects/p/topics/a:publish:publish").body,
            "/v1/projects/{p}/topics/{t}:publish p=p t=a:publish");
  EXPECT_EQ(Route("PUT", "/v1/projects/p/topics/a:publish").body,
            "/v1/projects/{p}/topics/{t} p=p t=a:publish");
}

TEST_F(RouterTest, TellsThePatternThatWouldTakeIt) {
  ASSERT_TRUE(Add("GET", "/events/{id}").ok());
  const auto pattern_of = [this](const std::string& method, const std::string& path) {
    Request request;
    request.method = method;
    request.path = path;
    return router_.PatternOf(request);
  };
  EXPECT_EQ(pattern_of("GET", "/events/7"), "/events/{id}");
  EXPECT_EQ(pattern_of("HEAD", "/events/7"), "/events/{id}");
  EXPECT_EQ(pattern_of("POST", "/events/7"), "");
  EXPECT_EQ(pattern_of("GET", "/other/7"), "");
}

TEST_F(RouterTest, MethodsAndAllow) {
  ASSERT_TRUE(Add("GET", "/a").ok());
  ASSERT_TRUE(Add("PUT", "/a").ok());
  EXPECT_EQ(Route("HEAD", "/a").status, 200);
  const Response refused = Route("DELETE", "/a");
  EXPECT_EQ(refused.status, 405);
  ASSERT_NE(refused.headers.Find("allow"), nullptr);
  EXPECT_EQ(*refused.headers.Find("allow"), "GET, HEAD, PUT");
  EXPECT_EQ(*refused.headers.Find("Content-Type"), "application/problem+json");
  EXPECT_EQ(Route("OPTIONS", "*").status, 404);
  EXPECT_EQ(Route("GET", "").status, 404);
}

TEST_F(RouterTest, RefusesMalformedAndHiddenPatterns) {
  for (const char* pattern : {"", "a", "/{", "/}", "/{}", "/{a}{b}", "/{a}/{a}", "/a{b=**}",
                              "/{a=**}/b", "/{=**}", "/{a=*}", "/{a{b}"}) {
    EXPECT_EQ(Add("GET", pattern).code(), absl::StatusCode::kInvalidArgument) << pattern;
  }
  ASSERT_TRUE(Add("GET", "/{a}:{b}").ok());
  EXPECT_THAT(std::string(Add("GET", "/{c}:{d}").message()), HasSubstr("hidden by '/{a}:{b}'"));
  EXPECT_TRUE(Add("POST", "/{c}:{d}").ok());
}

}  // namespace
}  // namespace afluente::http
