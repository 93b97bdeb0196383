#include "identity/identity_headers.h"

#include <algorithm>
#include <string>

#include "schema/text.h"

namespace afluente::identity {
namespace {

// Beginnings of names, normalised. A name that ends in '-' stands for all that follow it.
constexpr std::string_view kIdentity[] = {"x-goog-iap-",
                                          "x-goog-authenticated-",
                                          "x-serverless-authorization",
                                          "x-auth-request-",
                                          "x-authenticated-",
                                          "x-remote-user",
                                          "remote-user",
                                          "x-endpoint-api-userinfo",
                                          "x-apigateway-api-userinfo",
                                          "x-webauth-",
                                          "x-user-email"};
constexpr std::string_view kForwarding[] = {
    "forwarded",      "x-forwarded-", "x-original-",    "x-rewrite-url",
    "x-real-ip",      "x-client-ip",  "x-host",         "x-http-method",
    "x-http-method-", "x-method-",    "true-client-ip", "x-envoy-",
    "x-proxy-",       "proxy-",       "x-forwarded",    "x-http-host-override"};

std::string Normalised(std::string_view name) {
  std::string text = schema::Lowercase(name);
  std::replace(text.begin(), text.end(), '_', '-');
  std::replace(text.begin(), text.end(), '.', '-');
  return text;
}

template <size_t kCount>
bool IsOneOf(std::string_view name, const std::string_view (&patterns)[kCount]) {
  const std::string normalised = Normalised(name);
  return std::any_of(std::begin(patterns), std::end(patterns), [&](std::string_view pattern) {
    return pattern.ends_with('-') ? normalised.starts_with(pattern) : normalised == pattern;
  });
}

}  // namespace

bool IsIdentityHeader(std::string_view name) { return IsOneOf(name, kIdentity); }
bool IsForwardingHeader(std::string_view name) { return IsOneOf(name, kForwarding); }

const std::string* FindAssertion(const http::Headers& headers) {
  const std::string wanted = Normalised(kAssertionHeader);
  const std::string* found = nullptr;
  for (const auto& [name, value] : headers.entries()) {
    if (Normalised(name) != wanted) continue;
    if (found != nullptr || !schema::EqualsIgnoreCase(name, kAssertionHeader)) return nullptr;
    found = &value;
  }
  return found;
}

}  // namespace afluente::identity
