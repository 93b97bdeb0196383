#pragma once

#include <string>

namespace afluente::warehouse::googlesql {

// An instant (TIMESTAMPTZ) as local time in a zone, and back. `zone` is SQL of a zone's name or an
// offset such as +05:45, which DuckDB does not know.
std::string ToLocal(const std::string& instant, const std::string& zone);
std::string ToInstant(const std::string& local, const std::string& zone);

}  // namespace afluente::warehouse::googlesql
