#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "schema/value.h"

namespace afluente::schema {

// The text of a scalar as a value, by GoogleSQL's rules for CAST from STRING ("Conversion rules" in
// its documentation), but BYTES is base64 as in BigQuery's JSON and REST API. No space around the
// value is accepted. JSON keeps its text (checked). INVALID_ARGUMENT: "expected INT64, found ...";
// also for ARRAY and STRUCT, which have no text form.
absl::StatusOr<Value> ParseValue(const Type& type, std::string_view text);

// The pieces, for callers on a hot path. nullopt: not of that type, or out of range.
std::optional<int64_t> ParseInt64(std::string_view text);
std::optional<double> ParseFloat64(std::string_view text);
std::optional<bool> ParseBool(std::string_view text);
// Standard or URL-safe alphabet, padding optional.
std::optional<std::string> ParseBase64(std::string_view text);

// A text for an error message: quoted, control bytes escaped, cut after 64 bytes.
std::string QuoteForMessage(std::string_view text);

}  // namespace afluente::schema
