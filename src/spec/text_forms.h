#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afluente::spec {

// The forms of the texts in afluente.yaml. Is... say whether a name is one that Google accepts.

// "600s", "0.5s": as protobuf's JSON writes a Duration, to the millisecond.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);
// "2Gi", "512Mi", "1024": as Kubernetes and Cloud Run write sizes (Ki, Mi, Gi, Ti, or bytes).
std::optional<uint64_t> ParseSize(std::string_view text);
// "100/s", "600/m", "1000/h" or "50/10s": so many in so long.
struct Rate {
  int64_t count = 0;
  std::chrono::milliseconds period{0};
};
std::optional<Rate> ParseRate(std::string_view text);
// The shortest of those forms that is exact.
std::string FormatSize(uint64_t bytes);

bool IsDuration(std::string_view text);
// "http://HOST..." or "https://HOST...", without blanks.
bool IsHttpUrl(std::string_view text);
bool IsRate(std::string_view text);
// "https://app.example:8443", lower-case as browsers send it, or "*".
bool IsOrigin(std::string_view text);
// A column name, with '-' before it for descending order.
bool IsOrderColumn(std::string_view text);
bool IsSize(std::string_view text);
// At most thirty lower-case letters, digits and hyphens, a letter first, no hyphen last. Google
// wants six at least; short names are fine on one machine.
bool IsProjectId(std::string_view text);
// Of a topic or subscription ("Pub/Sub resource names").
bool IsPubsubName(std::string_view text);
// Of a dataset: letters, digits, underscores.
bool IsDatasetName(std::string_view text);
// Of a table: letters, digits, underscores, hyphens.
bool IsTableName(std::string_view text);
// Of a column or parameter: letters, digits, underscores, no digit first, 300 at most.
bool IsColumnName(std::string_view text);
// Of a function: letters, digits, underscores, hyphens, a letter first, 63 at most.
bool IsFunctionName(std::string_view text);

}  // namespace afluente::spec
