#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "event/message.h"
#include "http/content_coding.h"
#include "http/message.h"
#include "source/body_records.h"

namespace afluente::source {

// What the head of a POST /ingest/{topic} asks for.
struct IngestRequest {
  std::string topic;  // short
  BodyForm form = BodyForm::kJsonLines;
  http::ContentCoding coding = http::ContentCoding::kIdentity;
  bool atomic = false;
  // On every message; with the request's trace context (traceparent), where it has one.
  event::Attributes attributes;
  std::string ordering_key;  // likewise
  std::string idempotency_key;
};

// INVALID_ARGUMENT for a parameter or header that is wrong or not known; UNIMPLEMENTED for a
// content type or coding that is not read. Pure.
absl::StatusOr<IngestRequest> ReadIngestRequest(const http::Request& request, std::string topic);

// The key of a request: of X-API-Key, X-Goog-Api-Key or a Bearer's Authorization; "" = none.
std::string PresentedKey(const http::Headers& headers);

}  // namespace afluente::source
