#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "schema/parse_value.h"
#include "schema/text.h"
#include "spec/path_pattern.h"
#include "spec/read.h"

namespace afluente::spec {
namespace {

using schema::Concat;

// Paths that the API answers itself.
constexpr std::string_view kReserved[] = {"/", "/health", "/docs", "/openapi.json", "/metrics"};

struct DeclaredParameter {
  schema::Type type;
  Place place;
};

bool HoldsStruct(const schema::Type& type) {
  return type.kind == schema::TypeKind::kStruct ||
         (type.kind == schema::TypeKind::kArray &&
          type.element().kind == schema::TypeKind::kStruct);
}

// The declared types by parameter name, in the file's order.
std::vector<std::pair<std::string, DeclaredParameter>> ReadTypes(const YamlNode& node,
                                                                 const std::string& where,
                                                                 Reading* reading) {
  std::vector<std::pair<std::string, DeclaredParameter>> declared;
  const YamlNode* parameters = node.Find("parameters");
  if (parameters == nullptr) return declared;
  std::set<std::string> seen;
  for (const YamlEntry& entry : parameters->entries) {
    const std::string& name = entry.key.text;
    if (!seen.insert(schema::Lowercase(name)).second) {
      reading->findings->Add(entry.key.place, Concat(where, ".parameters: ", name,
                                                     " occurs twice (case does not matter)"));
    }
    DeclaredParameter parameter{{}, entry.key.place};
    auto type = schema::ParseType(entry.value.text);
    if (entry.value.kind == YamlNode::Kind::kScalar && !type.ok()) {
      reading->findings->Add(
          entry.value.place,
          Concat(where, ".parameters.", name, ": ", std::string(type.status().message()),
                 Suggestion(entry.value.text,
                            {"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "BOOL", "STRING", "BYTES",
                             "DATE", "TIME", "DATETIME", "TIMESTAMP", "JSON"})));
    } else if (type.ok() && HoldsStruct(*type)) {
      reading->findings->Add(entry.value.place,
                             Concat(where, ".parameters.", name, ": no text can give a STRUCT"));
    } else if (type.ok()) {
      parameter.type = *std::move(type);
    }
    declared.emplace_back(name, std::move(parameter));
  }
  return declared;
}

// The path's parameters first, then the query's.
void ReadParameters(const YamlEntry& entry, const PathPattern& pattern, Endpoint* endpoint,
                    Reading* reading) {
  std::string where = Concat("endpoints.", entry.key.text);
  auto declared = ReadTypes(entry.value, where, reading);
  for (const std::string& name : pattern.parameters) {
    auto found = std::find_if(declared.begin(), declared.end(),
                              [&](const auto& parameter) { return parameter.first == name; });
    if (found == declared.end()) {
      std::vector<std::string> known;
      for (const auto& parameter : declared) known.push_back(parameter.first);
      reading->findings->Add(entry.key.place,
                             Concat(where, ": path parameter ", name, " has no type in parameters",
                                    Suggestion(name, known)));
      continue;
    }
    if (found->second.type.kind == schema::TypeKind::kArray) {
      reading->findings->Add(found->second.place,
                             Concat(where, ": an ARRAY comes from the query string, so ", name,
                                    " cannot stand in the path"));
    }
    endpoint->parameters.push_back({name, std::move(found->second.type)});
    declared.erase(found);
  }
  for (auto& [name, parameter] : declared) {
    endpoint->parameters.push_back({name, std::move(parameter.type)});
  }
}

}  // namespace

void ReadEndpoints(const YamlNode& endpoints, Reading* reading) {
  std::map<std::string, std::string> shapes;
  for (const YamlEntry& entry : endpoints.entries) {
    Endpoint endpoint;
    endpoint.path = entry.key.text;
    endpoint.summary = TextOf(entry.value, "summary");
    auto pattern = ParsePathPattern(endpoint.path);
    if (!pattern.ok()) {
      reading->findings->Add(
          entry.key.place, Concat("endpoints: path ", schema::QuoteForMessage(endpoint.path), ", ",
                                  std::string(pattern.status().message())));
      continue;
    }
    if (std::find(std::begin(kReserved), std::end(kReserved), endpoint.path) !=
        std::end(kReserved)) {
      reading->findings->Add(
          entry.key.place, Concat("endpoints: ", endpoint.path, " is answered by Afluente itself"));
    }
    auto [first, added] = shapes.emplace(pattern->shape, endpoint.path);
    if (!added) {
      reading->findings->Add(entry.key.place, Concat("endpoints: ", endpoint.path,
                                                     " matches the same paths as ", first->second));
    }
    ReadParameters(entry, *pattern, &endpoint, reading);
    endpoint.sql_file = TextOf(entry.value, "sql");
    endpoint.sql = ReadSqlFile(endpoint.sql_file, PlaceOf(entry.value, "sql"), reading);
    reading->spec->endpoints.push_back(std::move(endpoint));
  }
}

}  // namespace afluente::spec
