#include "http/gate.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "http/problem.h"

namespace afluente::http {
namespace {

Response GateRefusal(RefusalForm form, const absl::Status& status) {
  const int code = StatusToHttp(status.code());
  Response response = Refusal(form, code, std::string(status.message()));
  if (code == 401) response.headers.Add("WWW-Authenticate", "Bearer");
  if (code == 503) response.headers.Add("Retry-After", "5");
  response.headers.Add("Cache-Control", "no-store");
  return response;
}

}  // namespace

std::string AuthorizationOf(const Headers& headers) {
  if (headers.Find("Authorization") != nullptr) return OnlyField(headers, "Authorization");
  const std::string assertion = OnlyField(headers, kAssertionHeader);
  return assertion.empty() ? "" : absl::StrCat("Bearer ", assertion);
}

bool HasAssertion(const Headers& headers) { return headers.Find(kAssertionHeader) != nullptr; }

std::string OnlyField(const Headers& headers, std::string_view name) {
  const std::string* value = headers.Find(name);
  return value != nullptr && headers.Count(name) == 1 ? *value : "";
}

absl::Status CheckAndWait(Gate& gate, Knock knock) {
  absl::Status decision;
  absl::Notification done;
  gate.Check(std::move(knock), [&](const absl::StatusOr<std::string>& caller) {
    decision = caller.status();
    done.Notify();
  });
  done.WaitForNotification();
  return decision;
}

Handler GuardByGate(Gate& gate, Handler inner, RoleOf role_of, RefusalForm refusal) {
  // Shared with the requests whose keys are being fetched.
  auto shared = std::make_shared<const Handler>(std::move(inner));
  return [&gate, shared, role_of = std::move(role_of), refusal](Request request,
                                                                Responder responder) {
    const std::optional<Role> role = role_of(request);
    if (!role) return (*shared)(std::move(request), std::move(responder));
    Knock knock{AuthorizationOf(request.headers), *role};
    gate.Check(std::move(knock),
               [shared, refusal, request = std::move(request), responder = std::move(responder)](
                   const absl::StatusOr<std::string>& caller) mutable {
                 if (!caller.ok()) return responder(GateRefusal(refusal, caller.status()));
                 (*shared)(std::move(request), std::move(responder));
               });
  };
}

}  // namespace afluente::http
