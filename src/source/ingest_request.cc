#include "source/ingest_request.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "http/content_decoder.h"
#include "source/delivery_log.h"
#include "telemetry/trace_context.h"

namespace afluente::source {
namespace {

constexpr char kAttributeParameter[] = "attribute.";
constexpr char kAttributeHeader[] = "x-attribute-";
constexpr size_t kIdempotencyKeyBytesMax = 255;

std::string HeaderOf(const http::Headers& headers, const char* name) {
  const std::string* value = headers.Find(name);
  return value == nullptr ? "" : std::string(absl::StripAsciiWhitespace(*value));
}

absl::Status AddAttribute(std::string key, std::string value, event::Attributes& attributes) {
  if (key.empty()) return absl::InvalidArgumentError("an attribute without a name");
  if (key == kDeliveryAttribute) {
    return absl::InvalidArgumentError(absl::StrCat("the attribute ", key, " is Afluente's own"));
  }
  for (const auto& [known, ignored] : attributes) {
    if (known == key) {
      return absl::InvalidArgumentError(absl::StrCat("the attribute ", key, " is given twice"));
    }
  }
  attributes.emplace_back(std::move(key), std::move(value));
  return absl::OkStatus();
}

absl::Status ReadParameter(const std::string& name, const std::string& value, IngestRequest& read) {
  if (absl::StartsWith(name, kAttributeParameter)) {
    return AddAttribute(name.substr(sizeof kAttributeParameter - 1), value, read.attributes);
  }
  if (name == "ordering_key") {
    read.ordering_key = value;
    return absl::OkStatus();
  }
  if (name == "atomic" && (value == "true" || value == "false")) {
    read.atomic = value == "true";
    return absl::OkStatus();
  }
  if (name == "atomic") return absl::InvalidArgumentError("atomic: expected true or false");
  return absl::InvalidArgumentError(absl::StrCat(
      "the parameter ", name, " is not known; there are attribute.NAME, ordering_key and atomic"));
}

absl::Status ReadHeaders(const http::Headers& headers, IngestRequest& read) {
  for (const auto& [name, value] : headers.entries()) {
    const std::string lower = absl::AsciiStrToLower(name);
    if (!absl::StartsWith(lower, kAttributeHeader)) continue;
    const absl::Status status =
        AddAttribute(lower.substr(sizeof kAttributeHeader - 1), value, read.attributes);
    if (!status.ok()) return status;
  }
  const std::string trace = HeaderOf(headers, "traceparent");
  const bool given = std::any_of(
      read.attributes.begin(), read.attributes.end(),
      [](const auto& attribute) { return attribute.first == telemetry::kTraceAttribute; });
  if (!given && headers.Count("traceparent") == 1 && telemetry::ParseTraceparent(trace)) {
    read.attributes.emplace_back(telemetry::kTraceAttribute, trace);
  }
  const std::string ordering = HeaderOf(headers, "X-Ordering-Key");
  if (!ordering.empty() && !read.ordering_key.empty()) {
    return absl::InvalidArgumentError("the ordering key is given twice");
  }
  if (!ordering.empty()) read.ordering_key = ordering;
  if (headers.Count("Idempotency-Key") > 1) {
    return absl::InvalidArgumentError("Idempotency-Key is given twice");
  }
  read.idempotency_key = HeaderOf(headers, "Idempotency-Key");
  if (read.idempotency_key.size() > kIdempotencyKeyBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("Idempotency-Key has more than ", kIdempotencyKeyBytesMax, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<IngestRequest> ReadIngestRequest(const http::Request& request, std::string topic) {
  IngestRequest read;
  read.topic = std::move(topic);
  const std::string type = HeaderOf(request.headers, "Content-Type");
  const auto form = FormOfContentType(type);
  if (!form) {
    return absl::UnimplementedError(absl::StrCat(
        "Content-Type ", type.empty() ? "is missing" : type,
        "; expected application/x-ndjson (a message a line), application/json (one message, or an "
        "array of them), text/plain (lines of any text) or application/octet-stream (one "
        "message)"));
  }
  read.form = *form;
  const std::string encoding = HeaderOf(request.headers, "Content-Encoding");
  const auto coding = http::FindCoding(encoding);
  if (!coding) {
    return absl::UnimplementedError(
        absl::StrCat("Content-Encoding ", encoding, "; expected gzip or zstd"));
  }
  read.coding = *coding;
  for (const auto& [name, value] : request.query) {
    if (auto status = ReadParameter(name, value, read); !status.ok()) return status;
  }
  if (auto status = ReadHeaders(request.headers, read); !status.ok()) return status;
  std::sort(read.attributes.begin(), read.attributes.end());
  return read;
}

std::string PresentedKey(const http::Headers& headers) {
  for (const char* name : {"X-API-Key", "X-Goog-Api-Key"}) {
    if (std::string key = HeaderOf(headers, name); !key.empty()) return key;
  }
  const std::string authorization = HeaderOf(headers, "Authorization");
  constexpr char kBearer[] = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kBearer)) return "";
  return std::string(
      absl::StripAsciiWhitespace(absl::string_view(authorization).substr(sizeof kBearer - 1)));
}

}  // namespace afluente::source
