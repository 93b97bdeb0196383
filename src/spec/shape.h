#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spec/findings.h"
#include "spec/yaml_tree.h"

namespace afluente::spec {

enum class ShapeKind {
  kObject,  // known keys
  kMap,     // names chosen by the user
  kList,
  kText,
  kInteger,
  kNumber,
  kBoolean,
  kLiteral,      // a scalar or a list of scalars; its reader knows the type
  kUnsupported,  // a key that later versions take
};

struct Property;

// A text's form: what it is called in messages, its test, and its pattern in the JSON Schema.
struct TextForm {
  std::string_view name;
  bool (*accepts)(std::string_view) = nullptr;
  std::string_view pattern;
};

// What a value of afluente.yaml may be. The parser's check and the JSON Schema both come from it.
struct Shape {
  ShapeKind kind = ShapeKind::kText;
  std::string description;
  std::vector<Property> properties;  // kObject
  const Shape* element = nullptr;    // kMap, kList
  const Shape* or_text = nullptr;    // kObject: a text of this shape may stand in its place
  TextForm form;                     // kText; kMap: of the keys
  std::vector<std::string> choices;  // kText
  int64_t minimum = 0;               // kInteger, kNumber; kList: items
  int64_t maximum = INT64_MAX;
  // kText: a whole number in YAML stands for its digits (sizes).
  bool integer_too = false;
};

struct Property {
  std::string name;
  const Shape* shape = nullptr;
  bool required = false;
};

// The whole file's shape.
const Shape& FileShape();

// Adds a finding for each value under `node` that is not of its shape. `path` is where `node` is,
// for messages ("topics.Data").
void CheckShape(const YamlNode& node, const Shape& shape, const std::string& path,
                Findings* findings);

}  // namespace afluente::spec
