#include "function/push/push_door.h"

#include <memory>
#include <utility>

#include "function/push/push_function.h"
#include "function/push/pushed_message.h"
#include "host/worker_pool.h"
#include "http/problem.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::function::push {
namespace {

http::Response AnswerOf(const absl::Status& status) {
  if (status.ok()) {
    http::Response response;
    response.status = 204;
    return response;
  }
  const int code = http::StatusToHttp(status.code());
  // Why a token is refused is for the log.
  const std::string detail =
      code == 401 ? "A valid token is needed." : std::string(status.message());
  http::Response response = http::Refusal(nullptr, code, detail);
  if (code == 429 || code == 503) response.headers.Set("Retry-After", "1");
  return response;
}

void Handle(PushFunction& function, const http::Request& request, http::Responder respond) {
  auto pushed = ReadPushedMessage(request.body);
  if (!pushed.ok()) {
    telemetry::Log(telemetry::Severity::kWarning, "A request is no push",
                   {{"error", std::string(pushed.status().message())}});
    return respond(AnswerOf(pushed.status()));
  }
  function.Accept(*std::move(pushed), [respond = std::move(respond)](absl::Status status) mutable {
    respond(AnswerOf(status));
  });
}

std::string BearerToken(const http::Request& request) {
  constexpr std::string_view kScheme = "bearer ";
  if (request.headers.Count("Authorization") != 1) return "";
  const std::string& field = *request.headers.Find("Authorization");
  if (!schema::EqualsIgnoreCase(std::string_view(field).substr(0, kScheme.size()), kScheme)) {
    return "";
  }
  return field.substr(kScheme.size());
}

}  // namespace

http::Handler PushDoor(PushFunction& function, CheckToken check, host::WorkerPool& workers) {
  return [&function, check = std::move(check), &workers](http::Request request,
                                                         http::Responder respond) {
    if (request.path == "/health") {
      return respond(http::Response::Text(200, "text/plain", "ok\n"));
    }
    if (request.method != "POST") {
      return respond(http::Refusal(nullptr, 405, "Pushes come by POST."));
    }
    if (!check) return Handle(function, request, std::move(respond));
    // Shared, as the pool's work must be copyable where it is refused.
    auto held = std::make_shared<std::pair<http::Request, http::Responder>>(std::move(request),
                                                                            std::move(respond));
    const bool accepted = workers.Submit([&function, check, held] {
      const absl::Status checked = check(BearerToken(held->first));
      if (checked.ok()) return Handle(function, held->first, std::move(held->second));
      telemetry::Log(telemetry::Severity::kWarning, "A push is refused",
                     {{"error", std::string(checked.message())}});
      held->second(AnswerOf(checked));
    });
    if (!accepted) held->second(AnswerOf(absl::ResourceExhaustedError("too many requests wait")));
  };
}

}  // namespace afluente::function::push
