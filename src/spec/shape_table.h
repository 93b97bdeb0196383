#pragma once

#include <deque>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "spec/shape.h"
#include "spec/text_forms.h"

namespace afluente::spec {

// Owns the shapes, so that they can point at one another.
class ShapeTable {
 public:
  const Shape* Object(std::string description, std::vector<Property> properties) {
    Shape shape;
    shape.kind = ShapeKind::kObject;
    shape.description = std::move(description);
    shape.properties = std::move(properties);
    return Keep(std::move(shape));
  }
  const Shape* ObjectOrText(std::string description, std::vector<Property> properties,
                            const Shape* text) {
    Shape shape;
    shape.kind = ShapeKind::kObject;
    shape.description = std::move(description);
    shape.properties = std::move(properties);
    shape.or_text = text;
    return Keep(std::move(shape));
  }
  const Shape* Map(std::string description, TextForm keys, const Shape* element) {
    Shape shape;
    shape.kind = ShapeKind::kMap;
    shape.description = std::move(description);
    shape.form = keys;
    shape.element = element;
    return Keep(std::move(shape));
  }
  const Shape* List(std::string description, int64_t minimum, int64_t maximum,
                    const Shape* element) {
    Shape shape;
    shape.kind = ShapeKind::kList;
    shape.description = std::move(description);
    shape.minimum = minimum;
    shape.maximum = maximum;
    shape.element = element;
    return Keep(std::move(shape));
  }
  const Shape* Text(std::string description, TextForm form = {}) {
    Shape shape;
    shape.description = std::move(description);
    shape.form = form;
    return Keep(std::move(shape));
  }
  const Shape* Choice(std::string description, std::vector<std::string> choices) {
    Shape shape;
    shape.description = std::move(description);
    shape.choices = std::move(choices);
    return Keep(std::move(shape));
  }
  const Shape* Size(std::string description) {
    Shape shape;
    shape.description = std::move(description);
    shape.form = {"a size such as 512Mi or 2Gi", IsSize, "^[0-9]{1,18}(Ki|Mi|Gi|Ti)?$"};
    shape.integer_too = true;
    return Keep(std::move(shape));
  }
  const Shape* Number(ShapeKind kind, std::string description, int64_t minimum, int64_t maximum) {
    Shape shape;
    shape.kind = kind;
    shape.description = std::move(description);
    shape.minimum = minimum;
    shape.maximum = maximum;
    return Keep(std::move(shape));
  }
  const Shape* Boolean(std::string description) {
    Shape shape;
    shape.kind = ShapeKind::kBoolean;
    shape.description = std::move(description);
    return Keep(std::move(shape));
  }
  // Adds keys that this version refuses by name.
  static std::vector<Property> With(std::vector<Property> properties,
                                    std::initializer_list<const char*> unsupported) {
    static const Shape kUnsupported = [] {
      Shape shape;
      shape.kind = ShapeKind::kUnsupported;
      shape.description = "Not supported by this version.";
      return shape;
    }();
    for (const char* name : unsupported) properties.push_back({name, &kUnsupported, false});
    return properties;
  }
  void AddProperty(const Shape* shape, Property property) {
    for (Shape& kept : shapes_) {
      if (&kept == shape) kept.properties.push_back(std::move(property));
    }
  }

 private:
  const Shape* Keep(Shape shape) { return &shapes_.emplace_back(std::move(shape)); }

  std::deque<Shape> shapes_;  // a deque never moves what it holds
};

}  // namespace afluente::spec
