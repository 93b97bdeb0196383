#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/type.h"
#include "schema/value.h"

namespace afluente::spec {

// As spec.h's structures.
struct EndpointParameter {
  std::string name;
  schema::Type type;
  bool optional = false;  // NULL when the request gives none
  std::optional<schema::Value> default_value = std::nullopt;
  // Of the type, or of its elements for an ARRAY.
  std::vector<schema::Value> choices = {};
  std::optional<schema::Value> minimum = std::nullopt;
  std::optional<schema::Value> maximum = std::nullopt;
  std::string description = {};
  std::optional<schema::Value> example = std::nullopt;  // for the API's description of itself
};

struct RateLimit {
  int64_t requests = 0;
  std::chrono::milliseconds period{0};
};

struct Endpoint {
  std::string path;  // "/app_info/{app_id}:{app_department}"
  std::string summary;
  std::string description;
  std::string sql;
  std::string sql_file;
  std::vector<EndpointParameter> parameters;  // in path ones first, the others are query parameters
  std::optional<std::chrono::milliseconds> cache;
  std::optional<int> page_size;
  std::optional<int> max_rows;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<RateLimit> rate_limit;
  std::vector<std::string> order_by;  // column names, '-' before a descending one
  std::vector<std::string> cors;      // origins, or "*"
};

}  // namespace afluente::spec
