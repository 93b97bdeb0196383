#include <map>
#include <set>
#include <string>

#include "nlohmann/json.hpp"
#include "schema/text.h"
#include "spec/shape.h"
#include "spec/spec.h"

namespace afluente::spec {
namespace {

using Json = nlohmann::ordered_json;

// Writes shapes as JSON Schema. A shape that contains itself (a RECORD's columns) becomes a
// definition that is referred to.
class SchemaWriter {
 public:
  Json Write(const Shape& shape) {
    if (auto name = definitions_.find(&shape); name != definitions_.end())
      return Reference(name->second);
    if (!open_.insert(&shape).second) {
      std::string name = schema::Concat("shape", definitions_.size() + 1);
      definitions_[&shape] = name;
      return Reference(name);
    }
    Json json = WriteBody(shape);
    open_.erase(&shape);
    auto name = definitions_.find(&shape);
    if (name == definitions_.end()) return json;
    defs_[name->second] = std::move(json);
    return Reference(name->second);
  }

  const Json& defs() const { return defs_; }

 private:
  static Json Reference(const std::string& name) { return {{"$ref", "#/$defs/" + name}}; }

  Json WriteBody(const Shape& shape) {
    if (shape.or_text != nullptr) {
      Shape alone = shape;
      alone.or_text = nullptr;
      return {{"anyOf", Json::array({Write(*shape.or_text), WriteBody(alone)})}};
    }
    Json json;
    switch (shape.kind) {
      case ShapeKind::kObject:
        json = WriteObject(shape);
        break;
      case ShapeKind::kMap:
        json["type"] = {"object", "null"};
        if (!shape.form.pattern.empty()) {
          json["propertyNames"] = {{"pattern", std::string(shape.form.pattern)}};
        }
        json["additionalProperties"] = Write(*shape.element);
        break;
      case ShapeKind::kList:
        json["type"] = "array";
        json["minItems"] = shape.minimum;
        json["maxItems"] = shape.maximum;
        json["items"] = Write(*shape.element);
        break;
      case ShapeKind::kText:
        json = WriteText(shape);
        break;
      case ShapeKind::kInteger:
      case ShapeKind::kNumber:
        json["type"] = shape.kind == ShapeKind::kInteger ? "integer" : "number";
        json["minimum"] = shape.minimum;
        json["maximum"] = shape.maximum;
        break;
      case ShapeKind::kBoolean:
        json["type"] = "boolean";
        break;
      case ShapeKind::kLiteral:
        json["type"] = {"string", "number", "boolean", "array"};
        json["items"] = {{"type", {"string", "number", "boolean"}}};
        break;
      case ShapeKind::kUnsupported:
        json["not"] = Json::object();
        break;
    }
    if (!shape.description.empty()) json["description"] = shape.description;
    return json;
  }

  Json WriteObject(const Shape& shape) {
    Json json;
    Json required = Json::array();
    Json properties = Json::object();
    for (const Property& property : shape.properties) {
      properties[property.name] = Write(*property.shape);
      if (property.required) required.push_back(property.name);
    }
    if (required.empty()) {
      json["type"] = {"object", "null"};
    } else {
      json["type"] = "object";
      json["required"] = required;
    }
    json["additionalProperties"] = false;
    json["properties"] = std::move(properties);
    return json;
  }

  static Json WriteText(const Shape& shape) {
    Json json;
    if (shape.integer_too) {
      json["type"] = {"string", "integer"};
    } else {
      json["type"] = "string";
    }
    if (!shape.form.pattern.empty()) json["pattern"] = std::string(shape.form.pattern);
    if (!shape.choices.empty()) json["enum"] = shape.choices;
    return json;
  }

  std::set<const Shape*> open_;
  std::map<const Shape*, std::string> definitions_;
  Json defs_ = Json::object();
};

}  // namespace

std::string JsonSchema() {
  SchemaWriter writer;
  Json root = writer.Write(FileShape());
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "afluente.yaml"}};
  json.update(root);
  json["$defs"] = writer.defs();
  return json.dump(2);
}

}  // namespace afluente::spec
