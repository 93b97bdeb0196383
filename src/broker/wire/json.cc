#include "broker/wire/json.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "broker/wire/json_shape.h"
#include "broker/wire/status_details.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "telemetry/json_string.h"

namespace afluente::broker::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::util::JsonParseOptions;
using google::protobuf::util::JsonPrintOptions;

// Protobuf says "(messages[0]) foo: Cannot find field."; Google's API names the field first.
std::string ParseError(absl::string_view error) {
  absl::ConsumePrefix(&error, "INVALID_ARGUMENT:");
  constexpr absl::string_view kUnknown = ": Cannot find field.";
  absl::string_view at;
  absl::string_view name = error;
  if (absl::ConsumeSuffix(&name, kUnknown)) {
    if (absl::ConsumePrefix(&name, "(")) {
      const size_t close = name.find(") ");
      at = name.substr(0, close);
      name = close == name.npos ? name : name.substr(close + 2);
    }
    return absl::StrCat("Invalid JSON payload received. Unknown name \"", name, "\"",
                        at.empty() ? "" : absl::StrCat(" at '", at, "'"), kUnknown);
  }
  return absl::StrCat("Invalid JSON payload received. ", error);
}

std::string QuoteJson(absl::string_view text) {
  std::string quoted;
  telemetry::AppendJsonString(quoted, std::string_view(text.data(), text.size()));
  return quoted;
}

// Of an error with details: ,"details":[{"@type": ...}, ...]
std::string DetailsJson(const absl::Status& status) {
  std::string all;
  const google::rpc::Status details = DetailsOf(status);
  for (const google::protobuf::Any& detail : details.details()) {
    std::string json;
    // Of another type than ours: nothing that a caller could read.
    if (!PrintJson(detail, JsonStyle(), json).ok()) continue;
    absl::StrAppend(&all, all.empty() ? ",\"details\":[" : ",", json);
  }
  return all.empty() ? all : all + "]";
}

}  // namespace

absl::Status MergeJson(std::string_view json, Message& message) {
  std::unique_ptr<Message> parsed(message.New());
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()},
                                                                  parsed.get(), JsonParseOptions());
  if (!status.ok()) {
    const std::string place = FindMisplacedValue(*message.GetDescriptor(), json);
    if (place.empty()) return absl::InvalidArgumentError(ParseError(std::string(status.message())));
    return absl::InvalidArgumentError(absl::StrCat(
        "Invalid JSON payload received. Invalid value at '", place, "': expected a scalar."));
  }
  message.MergeFrom(*parsed);
  return absl::OkStatus();
}

absl::Status PrintJson(const Message& message, const JsonStyle& style, std::string& json) {
  JsonPrintOptions options;
  options.add_whitespace = style.pretty;
  options.always_print_enums_as_ints = style.enums_as_numbers;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return absl::InternalError(std::string(status.message()));
  return absl::OkStatus();
}

absl::Status SetFromText(const std::string& path, const std::string& text, Message& message) {
  // The value as a JSON object around it, so that protobuf's own rules read every type: numbers,
  // enums, durations, field masks.
  std::string before;
  std::string after;
  const Descriptor* type = message.GetDescriptor();
  const FieldDescriptor* field = nullptr;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(path, '.'))) {
    field = type == nullptr ? nullptr : FindField(*type, name);
    if (field == nullptr)
      return absl::InvalidArgumentError(
          absl::StrCat("Invalid JSON payload received. Unknown name \"", path,
                       "\": Cannot bind query parameter. Field '", path,
                       "' could not be found in request message."));
    type = field->is_repeated() ? nullptr : field->message_type();
    absl::StrAppend(&before, "{", QuoteJson(field->json_name()), ":");
    after += '}';
  }
  std::string value = QuoteJson(text);
  if (field->is_repeated()) value = absl::StrCat("[", value, "]");
  if (field->is_map())
    return absl::InvalidArgumentError(absl::StrCat("The map '", path, "' cannot be a parameter."));
  return MergeJson(absl::StrCat(before, value, after), message);
}

std::string ErrorJson(int http_code, const absl::Status& status) {
  return absl::StrCat("{\"error\":{\"code\":", http_code,
                      ",\"message\":", QuoteJson(status.message()), ",\"status\":\"",
                      absl::StatusCodeToString(status.code()), "\"", DetailsJson(status), "}}");
}

}  // namespace afluente::broker::wire
