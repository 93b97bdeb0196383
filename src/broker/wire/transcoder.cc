#include "broker/wire/transcoder.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "broker/wire/json.h"
#include "broker/wire/method_table.h"
#include "google/api/annotations.pb.h"
#include "host/check.h"
#include "http/gate.h"
#include "http/problem.h"

namespace afluente::broker::wire {
namespace {

using google::api::HttpRule;
using google::protobuf::Message;

constexpr std::string_view kGetIamPolicy = "google.iam.v1.IAMPolicy.GetIamPolicy";

// Larger bodies take too long to decode for an I/O thread.
constexpr size_t kBodyBytesOnIoThread = 64 << 10;

http::Response JsonResponse(int code, std::string body) {
  http::Response response;
  response.status = code;
  response.headers.Add("Content-Type", "application/json; charset=UTF-8");
  response.body = std::move(body);
  return response;
}

http::Response ErrorResponse(const absl::Status& status) {
  const int code = http::StatusToHttp(status.code());
  return JsonResponse(code, ErrorJson(code, status));
}

// Takes Google's system parameters ("System parameters" in its API documentation). False when
// `name` is none of them.
absl::StatusOr<bool> TakeSystemParameter(const std::string& name, const std::string& value,
                                         JsonStyle& style) {
  static constexpr std::string_view kForOthers[] = {"key",       "access_token", "oauth_token",
                                                    "quotaUser", "uploadType",   "upload_protocol"};
  if (name == "alt" || name == "$alt") {
    if (value == "json;enum-encoding=int")
      style.enums_as_numbers = true;
    else if (value != "json")
      return absl::InvalidArgumentError(
          absl::StrCat("The answer's format can be 'json' only, not '", value, "'."));
    return true;
  }
  if (name == "prettyPrint" || name == "$prettyPrint") {
    style.pretty = value != "false";
    return true;
  }
  if (name == "fields" || name == "$fields" || name == "callback" || name == "$callback")
    return absl::UnimplementedError(
        absl::StrCat("Afluente does not support the parameter '", name, "'."));
  return std::find(std::begin(kForOthers), std::end(kForOthers), name) != std::end(kForOthers);
}

absl::Status MergeBody(const std::string& field, const std::string& body, Message& message) {
  if (field.empty() || body.empty()) return absl::OkStatus();
  if (field == "*") return MergeJson(body, message);
  const auto* descriptor = message.GetDescriptor()->FindFieldByName(field);
  AFLUENTE_CHECK(descriptor != nullptr && descriptor->message_type() != nullptr);
  return MergeJson(body, *message.GetReflection()->MutableMessage(&message, descriptor));
}

// A method without HTTP rule (the streaming one), asked for as if its name were a custom verb.
const google::protobuf::MethodDescriptor* FindByVerb(const MethodTable& methods,
                                                     const std::string& path) {
  const std::string verb = path.substr(path.rfind(':') + 1);
  for (const auto* service : methods.services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      if (!method->options().HasExtension(google::api::http) &&
          absl::EqualsIgnoreCase(method->name(), verb))
        return method;
    }
  }
  return nullptr;
}

// A field from the path replaces what the body says.
void ClearField(const std::string& path, Message& message) {
  const size_t dot = path.find('.');
  const auto* field = message.GetDescriptor()->FindFieldByName(path.substr(0, dot));
  AFLUENTE_CHECK(field != nullptr);
  if (dot == path.npos)
    message.GetReflection()->ClearField(&message, field);
  else
    ClearField(path.substr(dot + 1), *message.GetReflection()->MutableMessage(&message, field));
}

}  // namespace

http::Response GoogleRefusal(int status, std::string_view detail) {
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  switch (status) {
    case 401:
      code = absl::StatusCode::kUnauthenticated;
      break;
    case 403:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case 408:
      code = absl::StatusCode::kDeadlineExceeded;
      break;
    case 500:
      code = absl::StatusCode::kInternal;
      break;
    case 501:
      code = absl::StatusCode::kUnimplemented;
      break;
    case 503:
      code = absl::StatusCode::kUnavailable;
      break;
  }
  return JsonResponse(status, ErrorJson(status, absl::Status(code, std::string(detail))));
}

Transcoder::Transcoder(const MethodTable& methods, host::WorkerPool& workers)
    : methods_(methods), workers_(workers) {
  for (const auto* service : methods.services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      const auto& options = service->method(i)->options();
      if (!options.HasExtension(google::api::http)) continue;
      const HttpRule& rule = options.GetExtension(google::api::http);
      const Method& method = methods.Get(*service->method(i));
      AddBinding(method, rule);
      for (const HttpRule& additional : rule.additional_bindings()) AddBinding(method, additional);
      if (service->method(i)->full_name() == kGetIamPolicy) {
        // Pub/Sub's service configuration binds it so, instead of as its proto does.
        HttpRule read;
        read.set_get("/v1/{resource=projects/*/*/*}:getIamPolicy");
        AddBinding(method, read);
      }
    }
  }
  // A path with a verb also looks like one of the same depth without.
  std::stable_partition(bindings_.begin(), bindings_.end(),
                        [](const Binding& each) { return each.path.has_verb(); });
}

void Transcoder::AddBinding(const Method& method, const HttpRule& rule) {
  Binding binding;
  binding.method = &method;
  binding.body = rule.body();
  std::string path;
  switch (rule.pattern_case()) {
    case HttpRule::kGet:
      binding.verb = "GET", path = rule.get();
      break;
    case HttpRule::kPut:
      binding.verb = "PUT", path = rule.put();
      break;
    case HttpRule::kPost:
      binding.verb = "POST", path = rule.post();
      break;
    case HttpRule::kDelete:
      binding.verb = "DELETE", path = rule.delete_();
      break;
    case HttpRule::kPatch:
      binding.verb = "PATCH", path = rule.patch();
      break;
    default:
      binding.verb = rule.custom().kind(), path = rule.custom().path();
  }
  absl::StatusOr<PathTemplate> parsed = PathTemplate::Parse(path);
  AFLUENTE_CHECK(parsed.ok());
  binding.path = *std::move(parsed);
  bindings_.push_back(std::move(binding));
}

std::optional<Transcoder::Match> Transcoder::FindBinding(const http::Request& request) const {
  for (const Binding& binding : bindings_) {
    if (binding.verb != request.method) continue;
    if (auto captures = binding.path.Match(request.path))
      return Match{&binding, *std::move(captures)};
  }
  return std::nullopt;
}

void Transcoder::Handle(http::Request request, http::Responder responder) const {
  std::optional<Match> match = FindBinding(request);
  const auto* unreachable = match ? nullptr : FindByVerb(methods_, request.path);
  if (unreachable != nullptr) return responder(ErrorResponse(UnimplementedMethod(*unreachable)));
  if (!match)
    return responder(ErrorResponse(absl::NotFoundError(
        absl::StrCat("There is no method ", request.method, " ", request.path, "."))));
  if (request.body.size() <= kBodyBytesOnIoThread)
    return Run(*match, request, std::move(responder));
  // Shared: when the pool refuses, the responder must still be at hand.
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  const bool taken =
      workers_.Submit([this, shared, match = *std::move(match), request = std::move(request)] {
        Run(match, request, std::move(*shared));
      });
  if (!taken)
    (*shared)(ErrorResponse(absl::ResourceExhaustedError("Too many requests wait for a worker.")));
}

void Transcoder::Run(const Match& match, const http::Request& request,
                     http::Responder responder) const {
  const Binding& binding = *match.binding;
  std::unique_ptr<Message> message(binding.method->request_prototype->New());
  JsonStyle style;
  absl::Status status = MergeBody(binding.body, request.body, *message);
  if (status.ok() && binding.body.empty() && !request.body.empty())
    status = absl::InvalidArgumentError("This method takes no body.");
  for (const auto& [name, value] : request.query) {
    if (!status.ok()) break;
    absl::StatusOr<bool> taken = TakeSystemParameter(name, value, style);
    if (!taken.ok())
      status = taken.status();
    else if (!*taken && binding.body == "*")
      status = absl::InvalidArgumentError(absl::StrCat(
          "Invalid JSON payload received. Unknown name \"", name,
          "\": Cannot bind query parameter. All of this method's fields are in its body."));
    else if (!*taken)
      status = SetFromText(name, value, *message);
  }
  for (const auto& [field, value] : match.captures) {
    if (!status.ok()) break;
    ClearField(field, *message);
    status = SetFromText(field, value, *message);
  }
  if (!status.ok()) return responder(ErrorResponse(status));
  Call call;
  if (binding.method->waits) call.cancellation = request.cancellation;
  call.authorization = http::OnlyField(request.headers, "Authorization");
  methods_.Run(
      *binding.method, std::move(message), call,
      [style, responder = std::move(responder)](const absl::Status& answer,
                                                const Message* response) mutable {
        std::string json;
        absl::Status printed = answer.ok() ? PrintJson(*response, style, json) : answer;
        responder(printed.ok() ? JsonResponse(200, std::move(json)) : ErrorResponse(printed));
      });
}

}  // namespace afluente::broker::wire
