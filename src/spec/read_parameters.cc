#include <algorithm>
#include <set>
#include <utility>

#include "schema/compare_values.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "spec/read.h"

namespace afluente::spec {
namespace {

using schema::Concat;
using schema::TypeKind;

struct DeclaredParameter {
  EndpointParameter parameter;
  Place place;
  bool typed = false;
};

bool HoldsStruct(const schema::Type& type) {
  return type.kind == TypeKind::kStruct ||
         (type.kind == TypeKind::kArray && type.element().kind == TypeKind::kStruct);
}

const schema::Type& ElementOf(const schema::Type& type) {
  return type.kind == TypeKind::kArray ? type.element() : type;
}

// Values of these types have an order that texts and numbers of their form show.
bool HasRange(TypeKind kind) {
  return kind != TypeKind::kBool && kind != TypeKind::kJson && kind != TypeKind::kBytes &&
         kind != TypeKind::kArray && kind != TypeKind::kStruct;
}

// Reads what stands beside a parameter's type.
class ParameterReader {
 public:
  ParameterReader(std::string where, EndpointParameter* parameter, Reading* reading)
      : where_(std::move(where)), parameter_(parameter), reading_(reading) {}

  void Read(const YamlNode& node) {
    parameter_->optional = IsTrue(node, "optional");
    parameter_->description = TextOf(node, "description");
    parameter_->default_value = ReadValue(node, "default");
    parameter_->example = ReadValue(node, "example");
    if (const YamlNode* choices = node.Find("enum")) {
      for (const YamlNode& choice : choices->items) {
        auto value = Parse(choice, "enum");
        if (value.has_value()) parameter_->choices.push_back(*std::move(value));
      }
    }
    parameter_->minimum = ReadBound(node, "minimum");
    parameter_->maximum = ReadBound(node, "maximum");
    if (parameter_->optional && parameter_->default_value.has_value()) {
      Add(PlaceOf(node, "default"), "one of default and optional is enough");
    }
    const bool range = parameter_->minimum.has_value() && parameter_->maximum.has_value();
    if (range && schema::CompareValues(ElementOf(parameter_->type).kind, *parameter_->minimum,
                                       *parameter_->maximum) > 0) {
      Add(PlaceOf(node, "maximum"), "maximum is below minimum");
    }
  }

 private:
  void Add(Place place, std::string_view what) {
    reading_->findings->Add(place, Concat(where_, ": ", what));
  }

  std::optional<schema::Value> Parse(const YamlNode& node, std::string_view key) {
    if (node.kind != YamlNode::Kind::kScalar) return std::nullopt;
    auto value = schema::ParseValue(ElementOf(parameter_->type), node.text);
    if (value.ok()) return *std::move(value);
    Add(node.place, Concat(key, ": ", std::string(value.status().message())));
    return std::nullopt;
  }

  // Of the parameter's whole type.
  std::optional<schema::Value> ReadValue(const YamlNode& parameter, std::string_view key) {
    const YamlNode* node = parameter.Find(key);
    if (node == nullptr) return std::nullopt;
    const bool array = parameter_->type.kind == TypeKind::kArray;
    if (array != (node->kind == YamlNode::Kind::kList)) {
      Add(node->place, Concat(key, array ? ": expected a list" : ": expected one value"));
      return std::nullopt;
    }
    if (!array) return Parse(*node, key);
    schema::Value::List list;
    for (const YamlNode& item : node->items) {
      auto value = Parse(item, key);
      if (!value.has_value()) return std::nullopt;
      list.push_back(*std::move(value));
    }
    return schema::Value(std::move(list));
  }

  std::optional<schema::Value> ReadBound(const YamlNode& node, std::string_view key) {
    const YamlNode* bound = node.Find(key);
    if (bound == nullptr) return std::nullopt;
    if (!HasRange(ElementOf(parameter_->type).kind)) {
      Add(bound->place, Concat(key, ": ", parameter_->type.ToString(), " has no range"));
      return std::nullopt;
    }
    return Parse(*bound, key);
  }

  const std::string where_;
  EndpointParameter* const parameter_;
  Reading* const reading_;
};

DeclaredParameter ReadOne(const YamlEntry& entry, const std::string& where, Reading* reading) {
  DeclaredParameter declared;
  declared.parameter.name = entry.key.text;
  declared.place = entry.key.place;
  const bool alone = entry.value.kind == YamlNode::Kind::kScalar;
  const std::string text = alone ? entry.value.text : TextOf(entry.value, "type");
  if (text.empty()) return declared;
  const Place place = alone ? entry.value.place : PlaceOf(entry.value, "type");
  auto type = schema::ParseType(text);
  if (!type.ok()) {
    reading->findings->Add(
        place,
        Concat(where, ": ", std::string(type.status().message()),
               Suggestion(text, {"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "BOOL", "STRING",
                                 "BYTES", "DATE", "TIME", "DATETIME", "TIMESTAMP", "JSON"})));
    return declared;
  }
  if (HoldsStruct(*type)) {
    reading->findings->Add(place, Concat(where, ": no text can give a STRUCT"));
    return declared;
  }
  declared.parameter.type = *std::move(type);
  declared.typed = true;
  if (!alone) ParameterReader(where, &declared.parameter, reading).Read(entry.value);
  return declared;
}

std::vector<DeclaredParameter> ReadAll(const YamlNode& endpoint, const std::string& where,
                                       Reading* reading) {
  std::vector<DeclaredParameter> declared;
  const YamlNode* parameters = endpoint.Find("parameters");
  if (parameters == nullptr) return declared;
  std::set<std::string> seen;
  for (const YamlEntry& entry : parameters->entries) {
    const std::string& name = entry.key.text;
    const std::string lower = schema::Lowercase(name);
    if (!seen.insert(lower).second) {
      reading->findings->Add(entry.key.place, Concat(where, ".parameters: ", name,
                                                     " occurs twice (case does not matter)"));
    }
    if (lower == "cursor" || lower == "page_size" || lower == "order_by" || lower == "fields") {
      reading->findings->Add(
          entry.key.place,
          Concat(where, ".parameters: ", name, " is every endpoint's own: choose another name"));
    }
    declared.push_back(ReadOne(entry, Concat(where, ".parameters.", name), reading));
  }
  return declared;
}

void CheckInPath(const DeclaredParameter& declared, const std::string& where, Reading* reading) {
  const EndpointParameter& parameter = declared.parameter;
  if (parameter.type.kind == TypeKind::kArray) {
    reading->findings->Add(
        declared.place, Concat(where, ": an ARRAY comes from the query string, so ", parameter.name,
                               " cannot stand in the path"));
  }
  if (!parameter.optional && !parameter.default_value.has_value()) return;
  reading->findings->Add(declared.place,
                         Concat(where, ": ", parameter.name,
                                " stands in the path, so it cannot be left out: no default, no "
                                "optional"));
}

}  // namespace

void ReadParameters(const YamlEntry& endpoint, const std::vector<std::string>& in_path,
                    std::vector<EndpointParameter>* parameters, Reading* reading) {
  const std::string where = Concat("endpoints.", endpoint.key.text);
  std::vector<DeclaredParameter> declared = ReadAll(endpoint.value, where, reading);
  for (const std::string& name : in_path) {
    auto found = std::find_if(declared.begin(), declared.end(),
                              [&](const auto& other) { return other.parameter.name == name; });
    if (found == declared.end()) {
      std::vector<std::string> known;
      for (const auto& other : declared) known.push_back(other.parameter.name);
      reading->findings->Add(endpoint.key.place,
                             Concat(where, ": path parameter ", name, " has no type in parameters",
                                    Suggestion(name, known)));
      continue;
    }
    CheckInPath(*found, where, reading);
    parameters->push_back(std::move(found->parameter));
    declared.erase(found);
  }
  for (DeclaredParameter& other : declared) parameters->push_back(std::move(other.parameter));
}

}  // namespace afluente::spec
