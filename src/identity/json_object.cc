#include "identity/json_object.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "telemetry/json_string.h"

namespace afluente::identity {

using nlohmann::json;

absl::StatusOr<json> ParseJsonObject(std::string_view text) {
  constexpr int kDepthMax = 16;
  std::vector<std::set<std::string>> open;
  bool twice = false;
  bool deep = false;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    deep = deep || depth > kDepthMax;
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key) {
      twice = twice || !open.back().insert(value.get<std::string>()).second;
    }
    return !deep;
  };
  if (!telemetry::IsUtf8(text)) return absl::InvalidArgumentError("not UTF-8");
  json parsed = json::parse(text, watch, /*allow_exceptions=*/false);
  if (deep) return absl::InvalidArgumentError("JSON nested too deep");
  if (twice) return absl::InvalidArgumentError("a JSON member occurs twice");
  if (!parsed.is_object()) return absl::InvalidArgumentError("not a JSON object");
  return parsed;
}

}  // namespace afluente::identity
