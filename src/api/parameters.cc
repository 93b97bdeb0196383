#include "api/parameters.h"

#include <algorithm>

#include "host/check.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::api {
namespace {

using schema::Concat;
using schema::TypeKind;

absl::Status Wrong(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(Concat("parameter '", name, "': ", what));
}

absl::StatusOr<schema::Value> ParseOne(const spec::EndpointParameter& declared,
                                       const schema::Type& type, const std::string& text) {
  // RFC 3339 asks for a zone where GoogleSQL's own form may do without: both are read.
  auto value = schema::ParseValue(type, text);
  if (value.ok()) return value;
  const absl::string_view reason = value.status().message();
  return Wrong(declared.name, std::string_view(reason.data(), reason.size()));
}

absl::StatusOr<schema::Value> FromQuery(
    const spec::EndpointParameter& declared,
    const std::vector<std::pair<std::string, std::string>>& query) {
  const bool array = declared.type.kind == TypeKind::kArray;
  const schema::Type& type = array ? declared.type.element() : declared.type;
  schema::Value::List values;
  for (const auto& [name, text] : query) {
    if (name != declared.name) continue;
    if (!array && !values.empty()) return Wrong(declared.name, "given more than once");
    AFLUENTE_ASSIGN_OR_RETURN(schema::Value value, ParseOne(declared, type, text));
    values.push_back(std::move(value));
  }
  if (values.empty()) return Wrong(declared.name, "missing");
  if (array) return schema::Value(std::move(values));
  return std::move(values.front());
}

}  // namespace

absl::StatusOr<std::vector<warehouse::Parameter>> BindParameters(
    const std::vector<spec::EndpointParameter>& declared, const http::PathParameters& path,
    const std::vector<std::pair<std::string, std::string>>& query) {
  for (const auto& [name, text] : query) {
    const auto known = [&name = name](const auto& parameter) { return parameter.name == name; };
    if (std::none_of(declared.begin(), declared.end(), known)) {
      return absl::InvalidArgumentError(
          Concat("unknown parameter ", schema::QuoteForMessage(name)));
    }
    if (path.contains(name)) return Wrong(name, "it belongs in the path, not in the query");
  }
  std::vector<warehouse::Parameter> bound;
  bound.reserve(declared.size());
  for (const spec::EndpointParameter& parameter : declared) {
    const auto in_path = path.find(parameter.name);
    auto value = in_path == path.end() ? FromQuery(parameter, query)
                                       : ParseOne(parameter, parameter.type, in_path->second);
    if (!value.ok()) return value.status();
    bound.push_back({parameter.name, parameter.type, *std::move(value)});
  }
  return bound;
}

absl::Status CheckParameterType(const spec::EndpointParameter& parameter, bool in_path) {
  const schema::Type& type = parameter.type;
  const bool array = type.kind == TypeKind::kArray;
  if (array && in_path) return Wrong(parameter.name, "an ARRAY cannot be in the path");
  const TypeKind kind = array ? type.element().kind : type.kind;
  if (kind == TypeKind::kStruct || kind == TypeKind::kArray) {
    return Wrong(parameter.name, Concat(type.ToString(), " cannot be given as text"));
  }
  return absl::OkStatus();
}

}  // namespace afluente::api
