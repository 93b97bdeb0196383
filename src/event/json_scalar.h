#pragma once

#include <optional>
#include <string_view>

#include "schema/type.h"
#include "schema/value.h"

namespace afluente::event {

// JSON scalars to values of a column's type, by BigQuery's JSON ingestion rules ("Loading JSON
// data" in its documentation). nullopt: this column does not accept it. ARRAY, STRUCT and JSON are
// not scalars here.

// A JSON string, unescaped. TIMESTAMP also takes "YYYY/MM/DD ..." and seconds since the epoch.
std::optional<schema::Value> FromJsonString(schema::TypeKind kind, std::string_view text);

// A JSON number's text (its grammar is checked here). INT64 takes it when its value is whole;
// STRING takes the text; TIMESTAMP takes seconds since the epoch.
std::optional<schema::Value> FromJsonNumber(schema::TypeKind kind, std::string_view text);

std::optional<schema::Value> FromJsonBool(schema::TypeKind kind, bool value);

}  // namespace afluente::event
