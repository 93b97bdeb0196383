#include "http/loopback_guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "http/problem.h"

namespace afluente::http {
namespace {

bool SameText(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(absl::string_view(a.data(), a.size()),
                                absl::string_view(b.data(), b.size()));
}

// The host of "HOST", "HOST:PORT" or "[IPV6]:PORT"; empty when it is none of them.
std::string HostOf(std::string_view authority) {
  size_t end = 0;
  if (authority.starts_with('[')) {
    end = authority.find(']');
    if (end == std::string_view::npos) return "";
    ++end;
  } else {
    end = std::min(authority.find(':'), authority.size());
  }
  const std::string_view rest = authority.substr(end);
  if (!rest.empty()) {
    const bool port = rest.front() == ':' && rest.size() <= 6 &&
                      rest.find_first_not_of("0123456789", 1) == std::string_view::npos;
    if (!port) return "";
  }
  return std::string(authority.substr(0, end));
}

}  // namespace

bool IsLoopbackAuthority(std::string_view authority, const std::vector<std::string>& extra) {
  const std::string host = HostOf(authority);
  if (host.empty()) return false;
  if (SameText(host, "localhost") || host == "[::1]") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return std::any_of(extra.begin(), extra.end(),
                     [&host](const std::string& name) { return SameText(name, host); });
}

bool IsLoopbackOrigin(std::string_view origin, const std::vector<std::string>& extra) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) {
      return IsLoopbackAuthority(origin.substr(scheme.size()), extra);
    }
  }
  return false;  // also "null", which sandboxed and file: pages send
}

Handler GuardLoopback(Handler handler, std::vector<std::string> extra_hosts,
                      std::string exempt_path, std::vector<std::string> extra_origins,
                      RefusalForm refusal) {
  return [handler = std::move(handler), extra = std::move(extra_hosts),
          exempt = std::move(exempt_path), origins = std::move(extra_origins),
          refusal](Request request, Responder responder) {
    if (!exempt.empty() && request.path == exempt) {
      return handler(std::move(request), std::move(responder));
    }
    const std::string* host = request.headers.Find("Host");
    if (host == nullptr || !IsLoopbackAuthority(*host, extra)) {
      return responder(Refusal(refusal, 403,
                               "this door answers to loopback names only; the request's Host is "
                               "another one"));
    }
    if (request.headers.Count("Origin") > 1) {
      return responder(Refusal(refusal, 403, "more than one Origin"));
    }
    const std::string* origin = request.headers.Find("Origin");
    const bool let_in = origin == nullptr || IsLoopbackOrigin(*origin, extra) ||
                        std::any_of(origins.begin(), origins.end(), [origin](const auto& one) {
                          return one == "*" || one == *origin;
                        });
    if (!let_in) {
      return responder(Refusal(refusal, 403, "requests from pages of other sites are refused"));
    }
    handler(std::move(request), std::move(responder));
  };
}

}  // namespace afluente::http
