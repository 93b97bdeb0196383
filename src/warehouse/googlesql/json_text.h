#pragma once

#include <string>

#include "warehouse/googlesql/scope.h"

namespace afluente::warehouse::googlesql {

// The value as TO_JSON_STRING prints it, in DuckDB's words: NULL stays NULL.
std::string JsonText(const Emitted& value);
// The same, but an INT64 is a string, as BigQuery hands it to JavaScript.
std::string JavaScriptText(const Emitted& value);

}  // namespace afluente::warehouse::googlesql
