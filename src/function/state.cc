#include "function/state.h"

#include <nlohmann/json.hpp>

namespace afluente::function {

std::string State::Encode() const {
  return nlohmann::json{
      {"version", 1},
      {"journal", position.journal},
      {"incarnation", position.incarnation},
      {"sequence", position.sequence},
      {"topic", topic},
      {"filter", filter},
      {"audited_sequence", audited_sequence},
      {"audited_published", audited_published},
  }
      .dump();
}

absl::StatusOr<State> State::Decode(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool known = json.is_object() && json.value("version", 0) == 1 &&
                     json.contains("journal") && json["journal"].is_string() &&
                     json.contains("topic") && json["topic"].is_string() &&
                     json.contains("filter") && json["filter"].is_string();
  if (!known) return absl::DataLossError("a function's stored state is not readable");
  for (const char* number : {"incarnation", "sequence", "audited_sequence", "audited_published"}) {
    if (!json.contains(number) || !json[number].is_number_integer()) {
      return absl::DataLossError(std::string("a function's stored state lacks ") + number);
    }
  }
  State state;
  state.position.journal = json["journal"].get<std::string>();
  state.position.incarnation = json["incarnation"].get<uint64_t>();
  state.position.sequence = json["sequence"].get<uint64_t>();
  state.topic = json["topic"].get<std::string>();
  state.filter = json["filter"].get<std::string>();
  state.audited_sequence = json["audited_sequence"].get<uint64_t>();
  state.audited_published = json["audited_published"].get<int64_t>();
  return state;
}

}  // namespace afluente::function
