#include "warehouse/storage/stream_state.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_split.h"
#include "host/check.h"
#include "schema/text.h"

namespace afluente::warehouse::storage {

using nlohmann::json;
using schema::Concat;

std::string StreamState::Name() const {
  return Concat("projects/", table.project, "/datasets/", table.dataset, "/tables/", table.table,
                "/streams/", id);
}

std::string StreamState::Encode() const {
  return json{{"type", static_cast<int>(type)},
              {"created_us", created_us},
              {"committed_us", committed_us},
              {"rows", rows},
              {"visible", visible},
              {"staged_bytes", staged_bytes},
              {"finalized", finalized}}
      .dump();
}

absl::StatusOr<StreamState> DecodeStream(const std::string& name, const std::string& record) {
  AFLUENTE_ASSIGN_OR_RETURN(StreamName parsed, ParseName(name));
  const json read = json::parse(record, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* member) -> int64_t {
    const auto found = read.find(member);
    return found != read.end() && found->is_number_integer() ? found->get<int64_t>() : -1;
  };
  StreamState state;
  state.table = std::move(parsed.table);
  state.id = std::move(parsed.id);
  const int64_t type = read.is_object() ? number("type") : -1;
  if (type < 0 || type > static_cast<int64_t>(StreamType::kBuffered) || number("rows") < 0) {
    return absl::DataLossError(Concat("the record of write stream ", name, " is damaged"));
  }
  state.type = static_cast<StreamType>(type);
  state.created_us = number("created_us");
  state.committed_us = number("committed_us");
  state.rows = number("rows");
  state.visible = number("visible");
  state.staged_bytes = number("staged_bytes");
  state.finalized = read.value("finalized", false);
  return state;
}

absl::StatusOr<StreamName> ParseName(const std::string& name) {
  std::vector<std::string> parts = absl::StrSplit(name, '/');
  // Java's client calls the default stream of a table so.
  if (parts.size() == 7 && parts[6] == kDefaultStream) parts.insert(parts.begin() + 6, "streams");
  const bool stream = parts.size() == 8 && parts[6] == "streams" && !parts[7].empty();
  if ((parts.size() != 6 && !stream) || parts[0] != "projects" || parts[2] != "datasets" ||
      parts[4] != "tables" || parts[1].empty() || parts[3].empty() || parts[5].empty()) {
    return absl::InvalidArgumentError(
        Concat("Invalid resource name: ", name.substr(0, 200),
               "; expected projects/P/datasets/D/tables/T, /streams/S behind it for a stream"));
  }
  return StreamName{{parts[1], parts[3], parts[5]}, stream ? parts[7] : ""};
}

}  // namespace afluente::warehouse::storage
