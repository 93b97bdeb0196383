#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace afluente::warehouse {

using Labels = std::vector<std::pair<std::string, std::string>>;

// What BigQuery knows of a dataset.
struct Dataset {
  std::string project;
  std::string dataset;
  std::string location = "US";
  std::string friendly_name;
  std::string description;
  Labels labels;
  std::optional<int64_t> default_table_expiration_ms;
  int64_t created_ms = 0;   // since 1970; kept by the engine
  int64_t modified_ms = 0;  // the same
};

}  // namespace afluente::warehouse
