#pragma once

#include <string>

#include "schema/type.h"
#include "schema/value.h"

namespace afluente::function {

// Appends a value as warehouse::RowJsonWriter writes the same one read back from a table.
void AppendJsonText(const schema::Type& type, const schema::Value& value, std::string& out);

}  // namespace afluente::function
