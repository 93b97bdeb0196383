#include "console/peek.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "schema/civil_time.h"
#include "schema/format_value.h"
#include "telemetry/json_string.h"

namespace afluente::console {
namespace {

constexpr size_t kBatchMessages = 1'000;
constexpr size_t kBatchBytes = 4 << 20;
// Of one answer; with a filter that seldom matches, messages looked at.
constexpr size_t kAnswerBytesMax = 16 << 20;
constexpr uint64_t kLookedAtMax = 200'000;

void AppendLine(const event::Message& message, std::string& out) {
  absl::StrAppend(&out, "{\"sequence\":", message.sequence, ",\"message_id\":\"",
                  message.message_id, "\",\"publish_time\":\"",
                  schema::FormatRfc3339(message.publish_time.time_since_epoch().count()),
                  "\",\"ordering_key\":");
  telemetry::AppendJsonString(out, message.ordering_key);
  out += ",\"attributes\":{";
  for (const auto& [key, value] : message.attributes) {
    if (out.back() != '{') out += ',';
    telemetry::AppendJsonString(out, key);
    out += ':';
    telemetry::AppendJsonString(out, value);
  }
  absl::StrAppend(&out, "},\"data\":\"", absl::Base64Escape(message.data), "\"}\n");
}

// The sequence before the first message published at `since` or later: publish times never fall
// within a topic.
absl::StatusOr<uint64_t> Before(broker::TopicReader& reader, host::WallTime since) {
  uint64_t low = reader.first_sequence();
  uint64_t high = reader.last_sequence() + 1;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    AFLUENTE_ASSIGN_OR_RETURN(const auto found, reader.Read(middle - 1, 1, 1));
    if (found.empty()) break;
    if (found.front()->publish_time < since) {
      low = found.front()->sequence + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

}  // namespace

absl::StatusOr<PeekOptions> ReadPeekOptions(
    const std::vector<std::pair<std::string, std::string>>& query, const std::string& project) {
  PeekOptions options;
  for (const auto& [name, value] : query) {
    if (name == "topic") {
      options.topic = absl::StartsWith(value, "projects/")
                          ? value
                          : absl::StrCat("projects/", project, "/topics/", value);
    } else if (name == "limit") {
      if (!absl::SimpleAtoi(value, &options.limit) || options.limit == 0 ||
          options.limit > PeekOptions::kLimitMax) {
        return absl::InvalidArgumentError(
            absl::StrCat("limit: expected 1 to ", PeekOptions::kLimitMax));
      }
    } else if (name == "after") {
      uint64_t after = 0;
      if (!absl::SimpleAtoi(value, &after))
        return absl::InvalidArgumentError("after: expected a sequence");
      options.after_sequence = after;
    } else if (name == "since") {
      const auto micros = schema::ParseTimestamp(value);
      if (!micros) return absl::InvalidArgumentError("since: expected a timestamp (RFC 3339)");
      options.since = host::WallTime(std::chrono::microseconds(*micros));
    } else if (name == "filter") {
      AFLUENTE_ASSIGN_OR_RETURN(options.filter, event::Filter::Parse(value));
    } else {
      return absl::InvalidArgumentError(absl::StrCat(name, ": unknown parameter"));
    }
  }
  if (options.topic.empty()) return absl::InvalidArgumentError("topic: missing");
  if (options.after_sequence && options.since)
    return absl::InvalidArgumentError("after and since: one or the other");
  return options;
}

absl::StatusOr<http::Response> Peek(broker::Topics& topics, const PeekOptions& options) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto reader, topics.OpenReader(options.topic, std::nullopt));
  uint64_t at = options.after_sequence.value_or(0);
  if (options.since) {
    AFLUENTE_ASSIGN_OR_RETURN(at, Before(*reader, *options.since));
  }
  at = std::max(at, reader->first_sequence() - 1);
  reader->Pin(at);
  std::string lines;
  uint64_t left = options.limit;
  for (uint64_t looked_at = 0; left > 0 && looked_at < kLookedAtMax;) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto batch, reader->Read(at, kBatchMessages, kBatchBytes));
    if (batch.empty()) break;
    for (const auto& message : batch) {
      if (left == 0 || lines.size() >= kAnswerBytesMax) break;
      at = message->sequence;
      ++looked_at;
      if (!options.filter.Matches(message->attributes)) continue;
      AppendLine(*message, lines);
      --left;
    }
    if (lines.size() >= kAnswerBytesMax) break;
  }
  http::Response response = http::Response::Text(200, "application/x-ndjson", std::move(lines));
  response.headers.Add(kLastSequenceHeader, absl::StrCat(at));
  return response;
}

}  // namespace afluente::console
