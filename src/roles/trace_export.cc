#include "roles/trace_export.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "host/check.h"
#include "http/client.h"
#include "http/target.h"
#include "roles/version.h"
#include "spec/spec.h"
#include "spec/text_forms.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace afluente::roles {
namespace {

using std::chrono::milliseconds;

constexpr char kTracesPath[] = "/v1/traces";
constexpr size_t kSpansMax = 512;  // of a request
constexpr milliseconds kPatience{200};
constexpr milliseconds kTimeout{10'000};
constexpr milliseconds kStopTimeout{1'000};
constexpr milliseconds kBackoff[] = {milliseconds(250), milliseconds(1'000), milliseconds(4'000)};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : std::string(absl::StripAsciiWhitespace(value));
}

// That of traces alone goes before the one of all signals.
std::string OtlpVariable(const std::string& name) {
  const std::string own = Variable(("OTEL_EXPORTER_OTLP_TRACES_" + name).c_str());
  return own.empty() ? Variable(("OTEL_EXPORTER_OTLP_" + name).c_str()) : own;
}

std::string WithPath(std::string_view base) {
  return absl::StrCat(std::string(absl::StripSuffix({base.data(), base.size()}, "/")), kTracesPath);
}

std::string FindUrl(const spec::Spec& spec) {
  if (absl::EqualsIgnoreCase(Variable("OTEL_SDK_DISABLED"), "true")) return "";
  if (std::string url = Variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); !url.empty()) return url;
  if (std::string base = Variable("OTEL_EXPORTER_OTLP_ENDPOINT"); !base.empty()) {
    return WithPath(base);
  }
  return spec.traces ? WithPath(spec.traces->endpoint) : "";
}

// "name=value,name=value", values percent-encoded.
absl::StatusOr<http::Headers> ReadHeaders() {
  http::Headers headers;
  const std::string text = OtlpVariable("HEADERS");
  for (const auto& pair : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    AFLUENTE_ASSIGN_OR_RETURN(
        std::string value, http::DecodeText(std::string(absl::StripAsciiWhitespace(parts.second)),
                                            false, "OTEL_EXPORTER_OTLP_HEADERS"));
    const std::string name(absl::StripAsciiWhitespace(parts.first));
    const bool plain = value.find_first_of("\r\n") == std::string::npos;
    if (name.empty() || name.find_first_of(" \r\n:") != std::string::npos || !plain) {
      return absl::InvalidArgumentError("OTEL_EXPORTER_OTLP_HEADERS: expected name=value,...");
    }
    headers.Add(name, std::move(value));
  }
  return headers;
}

absl::StatusOr<double> FindSampleRatio(const spec::Spec& spec) {
  const std::string sampler = Variable("OTEL_TRACES_SAMPLER");
  if (sampler.empty()) return spec.traces ? spec.traces->sample_ratio : 1;
  if (sampler == "parentbased_always_on") return 1;
  if (sampler == "parentbased_always_off") return 0;
  if (sampler != "parentbased_traceidratio") {
    return absl::InvalidArgumentError(
        absl::StrCat("OTEL_TRACES_SAMPLER ", sampler,
                     ": expected parentbased_always_on, parentbased_always_off or "
                     "parentbased_traceidratio"));
  }
  double ratio = 1;
  const std::string given = Variable("OTEL_TRACES_SAMPLER_ARG");
  if (!given.empty() && (!absl::SimpleAtod(given, &ratio) || !(ratio >= 0 && ratio <= 1))) {
    return absl::InvalidArgumentError("OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1");
  }
  return ratio;
}

// How many of a request's spans the receiver did not take (OTLP's partial success).
size_t Rejected(const std::string& answer, size_t spans) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  const auto pointer = nlohmann::json::json_pointer("/partialSuccess/rejectedSpans");
  if (!json.is_object() || !json.contains(pointer)) return 0;
  const nlohmann::json& value = json[pointer];
  uint64_t rejected = 0;
  if (value.is_number_unsigned()) rejected = value.get<uint64_t>();
  if (value.is_string() && !absl::SimpleAtoi(value.get<std::string>(), &rejected)) return 0;
  return std::min<uint64_t>(rejected, spans);
}

}  // namespace

absl::StatusOr<TraceTarget> FindTraceTarget(const spec::Spec& spec) {
  TraceTarget target;
  target.url = FindUrl(spec);
  if (target.url.empty()) return target;
  if (!spec::IsHttpUrl(target.url)) {
    return absl::InvalidArgumentError(absl::StrCat("OTEL_EXPORTER_OTLP_ENDPOINT ", target.url,
                                                   ": expected an http: or https: URL"));
  }
  const std::string protocol = OtlpVariable("PROTOCOL");
  if (!protocol.empty() && protocol != "http/json") {
    return absl::InvalidArgumentError(
        absl::StrCat("OTEL_EXPORTER_OTLP_PROTOCOL ", protocol, ": traces are sent as http/json"));
  }
  AFLUENTE_ASSIGN_OR_RETURN(target.headers, ReadHeaders());
  target.headers.Set("Content-Type", "application/json");
  AFLUENTE_ASSIGN_OR_RETURN(target.sample_ratio, FindSampleRatio(spec));
  target.service = Variable("OTEL_SERVICE_NAME");
  if (target.service.empty()) target.service = "afluente";
  return target;
}

absl::StatusOr<std::unique_ptr<TraceExport>> TraceExport::Open(const spec::Spec& spec,
                                                               const host::Clock& clock,
                                                               telemetry::Metrics& metrics) {
  AFLUENTE_ASSIGN_OR_RETURN(TraceTarget target, FindTraceTarget(spec));
  if (target.url.empty()) return nullptr;
  return std::unique_ptr<TraceExport>(
      new TraceExport(std::move(target), spec.project, clock, metrics));
}

TraceExport::TraceExport(TraceTarget target, std::string project, const host::Clock& clock,
                         telemetry::Metrics& metrics)
    : target_(std::move(target)),
      resource_{target_.service, kVersion, std::move(project)},
      tracer_(clock, target_.sample_ratio, metrics) {
  thread_ = std::thread([this] { Run(); });
}

TraceExport::~TraceExport() { Stop(); }

void TraceExport::Stop() {
  tracer_.Stop();
  if (thread_.joinable()) thread_.join();
}

void TraceExport::Run() {
  while (true) {
    const bool last = tracer_.stopped();
    const std::vector<telemetry::Span> spans = tracer_.Take(kSpansMax, kPatience);
    const bool sent = spans.empty() || Send(spans);
    // A receiver that is away must not hold up the end.
    if (last && !sent) tracer_.Lost(tracer_.Take(SIZE_MAX, milliseconds(0)).size());
    if (last && (spans.empty() || !sent)) return;
  }
}

bool TraceExport::Send(const std::vector<telemetry::Span>& spans) {
  const std::string body = telemetry::ToOtlpJson(spans, resource_);
  absl::Status sent = Post(body, spans.size());
  for (const milliseconds pause : kBackoff) {
    if (!absl::IsUnavailable(sent) || tracer_.AwaitStop(pause)) break;
    sent = Post(body, spans.size());
  }
  if (!sent.ok()) tracer_.Lost(spans.size());
  // One line when it begins, one when it ends.
  if (sent.ok() && told_) telemetry::Log(telemetry::Severity::kInfo, "traces are taken again");
  if (!sent.ok() && !told_) {
    telemetry::Log(telemetry::Severity::kWarning, "traces are lost",
                   {{"endpoint", target_.url}, {"error", std::string(sent.message())}});
  }
  told_ = !sent.ok();
  return sent.ok();
}

absl::Status TraceExport::Post(const std::string& body, size_t spans) {
  const auto answer = http::Fetch("POST", target_.url, body, target_.headers,
                                  tracer_.stopped() ? kStopTimeout : kTimeout);
  if (!answer.ok()) return absl::UnavailableError(answer.status().message());
  const int status = answer->status;
  if (status == 429 || status == 502 || status == 503 || status == 504) {
    return absl::UnavailableError(absl::StrCat("the receiver answered ", status));
  }
  if (status < 200 || status > 299) {
    return absl::FailedPreconditionError(absl::StrCat("the receiver answered ", status));
  }
  const size_t rejected = Rejected(answer->body, spans);
  tracer_.Exported(spans - rejected);
  if (rejected != 0) tracer_.Lost(rejected);
  return absl::OkStatus();
}

telemetry::Tracer* TracerOf(const std::unique_ptr<TraceExport>& traces) {
  return traces == nullptr ? nullptr : traces->tracer();
}

}  // namespace afluente::roles
