#include "api/parameters.h"

#include <algorithm>

#include "host/check.h"
#include "http/target.h"
#include "schema/compare_values.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::api {
namespace {

using schema::Concat;
using schema::TypeKind;

absl::Status Wrong(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(Concat("parameter '", name, "': ", what));
}

const schema::Type& ElementOf(const schema::Type& type) {
  return type.kind == TypeKind::kArray ? type.element() : type;
}

bool IsText(TypeKind kind) {
  return kind == TypeKind::kString || kind == TypeKind::kBytes || kind == TypeKind::kJson;
}

absl::Status CheckBounds(const spec::EndpointParameter& declared, const schema::Value& value,
                         std::string_view text) {
  const TypeKind kind = ElementOf(declared.type).kind;
  const auto& choices = declared.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
    return Wrong(declared.name,
                 Concat(schema::QuoteForMessage(text), " is not one of its choices"));
  }
  // Written so that NaN, which has no order, is out of every range.
  if (declared.minimum && !(schema::CompareValues(kind, value, *declared.minimum) >= 0)) {
    return Wrong(declared.name, Concat(schema::QuoteForMessage(text), " is below its minimum"));
  }
  if (declared.maximum && !(schema::CompareValues(kind, value, *declared.maximum) <= 0)) {
    return Wrong(declared.name, Concat(schema::QuoteForMessage(text), " is above its maximum"));
  }
  return absl::OkStatus();
}

absl::StatusOr<schema::Value> ParseOne(const spec::EndpointParameter& declared,
                                       const std::string& text) {
  // RFC 3339 asks for a zone where GoogleSQL's own form may do without: both are read.
  auto value = schema::ParseValue(ElementOf(declared.type), text);
  if (!value.ok()) {
    const absl::string_view reason = value.status().message();
    return Wrong(declared.name, std::string_view(reason.data(), reason.size()));
  }
  AFLUENTE_RETURN_IF_ERROR(CheckBounds(declared, *value, text));
  return value;
}

// The texts that the query gives for an ARRAY of texts: a comma as it was sent parts two of them,
// an encoded one is part of its text.
absl::StatusOr<std::vector<std::string>> SplitRaw(const std::string& name,
                                                  std::string_view target) {
  std::vector<std::string> texts;
  std::string_view rest = target.substr(std::min(target.find('?'), target.size()));
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(end);
    const size_t equals = std::min(field.find('='), field.size());
    AFLUENTE_ASSIGN_OR_RETURN(const std::string given,
                              http::DecodeText(field.substr(0, equals), true, "query"));
    if (given != name) continue;
    std::string_view list = field.substr(std::min(equals + 1, field.size()));
    for (bool more = true; more;) {
      const size_t comma = std::min(list.find(','), list.size());
      AFLUENTE_ASSIGN_OR_RETURN(std::string text,
                                http::DecodeText(list.substr(0, comma), true, name));
      texts.push_back(std::move(text));
      more = comma < list.size();
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
  return texts;
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> pieces;
  while (true) {
    const size_t comma = text.find(',');
    pieces.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return pieces;
    text.remove_prefix(comma + 1);
  }
}

absl::StatusOr<schema::Value> ListFromQuery(const spec::EndpointParameter& declared,
                                            const std::vector<std::string>& given,
                                            const http::Request& request) {
  std::vector<std::string> texts;
  if (IsText(declared.type.element().kind)) {
    AFLUENTE_ASSIGN_OR_RETURN(texts, SplitRaw(declared.name, request.target));
  } else {
    for (const std::string& text : given) {
      for (std::string& piece : SplitAtCommas(text)) texts.push_back(std::move(piece));
    }
  }
  schema::Value::List list;
  for (const std::string& text : texts) {
    AFLUENTE_ASSIGN_OR_RETURN(schema::Value value, ParseOne(declared, text));
    list.push_back(std::move(value));
  }
  return schema::Value(std::move(list));
}

absl::StatusOr<schema::Value> FromQuery(const spec::EndpointParameter& declared,
                                        const http::Request& request) {
  std::vector<std::string> given;
  for (const auto& [name, text] : request.query) {
    if (name == declared.name) given.push_back(text);
  }
  if (given.empty()) {
    if (declared.default_value.has_value()) return *declared.default_value;
    if (declared.optional) return schema::Value();
    return Wrong(declared.name, "missing");
  }
  if (declared.type.kind == TypeKind::kArray) return ListFromQuery(declared, given, request);
  if (given.size() > 1) return Wrong(declared.name, "given more than once");
  return ParseOne(declared, given.front());
}

}  // namespace

absl::StatusOr<std::vector<warehouse::Parameter>> BindParameters(
    const std::vector<spec::EndpointParameter>& declared, const http::PathParameters& path,
    const http::Request& request) {
  std::vector<warehouse::Parameter> bound;
  bound.reserve(declared.size());
  for (const spec::EndpointParameter& parameter : declared) {
    const auto in_path = path.find(parameter.name);
    auto value = in_path == path.end() ? FromQuery(parameter, request)
                                       : ParseOne(parameter, in_path->second);
    if (!value.ok()) return value.status();
    bound.push_back({parameter.name, parameter.type, *std::move(value)});
  }
  return bound;
}

absl::Status CheckNames(const http::PathParameters& path, const http::Request& request,
                        absl::FunctionRef<bool(const std::string&)> known) {
  for (const auto& [name, text] : request.query) {
    if (path.contains(name)) return Wrong(name, "it belongs in the path, not in the query");
    if (known(name)) continue;
    return absl::InvalidArgumentError(Concat("unknown parameter ", schema::QuoteForMessage(name)));
  }
  return absl::OkStatus();
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
