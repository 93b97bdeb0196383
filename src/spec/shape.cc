#include "spec/shape.h"

#include <optional>

#include "schema/json_text.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::spec {
namespace {

using schema::Concat;
using schema::QuoteForMessage;

bool IsPlainInteger(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kScalar && !node.quoted &&
         schema::ParseInt64(node.text).has_value();
}

bool IsPlainNumber(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kScalar && !node.quoted &&
         (IsPlainInteger(node) || schema::IsJsonNumber(node.text));
}

bool IsPlainBoolean(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kScalar && !node.quoted &&
         (node.text == "true" || node.text == "false");
}

std::string Found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  if (IsPlainNumber(node)) return Concat("the number ", node.text);
  if (IsPlainBoolean(node)) return node.text;
  return Concat("the text ", QuoteForMessage(node.text));
}

std::string Join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : Concat(path, ".", key);
}

class ShapeChecker {
 public:
  explicit ShapeChecker(Findings* findings) : findings_(findings) {}

  void Check(const YamlNode& node, const Shape& shape, const std::string& path) {
    switch (shape.kind) {
      case ShapeKind::kObject:
        return CheckObject(node, shape, path);
      case ShapeKind::kMap:
        return CheckMap(node, shape, path);
      case ShapeKind::kList:
        return CheckList(node, shape, path);
      case ShapeKind::kText:
        return CheckText(node, shape, path);
      case ShapeKind::kInteger:
      case ShapeKind::kNumber:
        return CheckNumber(node, shape, path);
      case ShapeKind::kBoolean:
        if (!IsPlainBoolean(node)) Wrong(node, path, "true or false");
        return;
      case ShapeKind::kLiteral:
        return CheckLiteral(node, path);
      case ShapeKind::kUnsupported:
        return;  // reported at its key
    }
  }

 private:
  void Wrong(const YamlNode& node, const std::string& path, std::string_view expected) {
    findings_->Add(node.place, Concat(path.empty() ? "the file" : path, ": expected ", expected,
                                      ", found ", Found(node)));
  }

  void CheckLiteral(const YamlNode& node, const std::string& path) {
    if (node.kind == YamlNode::Kind::kScalar) return;
    if (node.kind != YamlNode::Kind::kList) return Wrong(node, path, "a value or a list of values");
    for (const YamlNode& item : node.items) {
      if (item.kind != YamlNode::Kind::kScalar) Wrong(item, path, "a list of plain values");
    }
  }

  void CheckObject(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (shape.or_text != nullptr && node.kind == YamlNode::Kind::kScalar) {
      return Check(node, *shape.or_text, path);
    }
    if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) {
      return Wrong(node, path, "a map");
    }
    for (const YamlEntry& entry : node.entries) CheckEntry(entry, shape, path);
    for (const Property& property : shape.properties) {
      if (property.required && node.Find(property.name) == nullptr) {
        findings_->Add(node.place, Concat(Join(path, property.name), " is missing"));
      }
    }
  }

  void CheckEntry(const YamlEntry& entry, const Shape& shape, const std::string& path) {
    std::vector<std::string> known;
    for (const Property& property : shape.properties) {
      if (property.name == entry.key.text) {
        std::string inner = Join(path, property.name);
        if (property.shape->kind == ShapeKind::kUnsupported) {
          findings_->Add(entry.key.place, Concat(inner, " is not supported by this version"));
          return;
        }
        return Check(entry.value, *property.shape, inner);
      }
      if (property.shape->kind != ShapeKind::kUnsupported) known.push_back(property.name);
    }
    findings_->Add(entry.key.place,
                   Concat("unknown key ", QuoteForMessage(entry.key.text),
                          path.empty() ? "" : " in ", path, Suggestion(entry.key.text, known)));
  }

  void CheckMap(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) {
      return Wrong(node, path, "a map");
    }
    for (const YamlEntry& entry : node.entries) {
      if (shape.form.accepts != nullptr && !shape.form.accepts(entry.key.text)) {
        findings_->Add(entry.key.place, Concat(path, ": ", QuoteForMessage(entry.key.text),
                                               " is not ", shape.form.name));
      }
      Check(entry.value, *shape.element, Join(path, entry.key.text.substr(0, 80)));
    }
  }

  void CheckList(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (node.kind != YamlNode::Kind::kList) return Wrong(node, path, "a list");
    auto count = static_cast<int64_t>(node.items.size());
    if (count < shape.minimum || count > shape.maximum) {
      findings_->Add(node.place, Concat(path, ": expected ", shape.minimum, " to ", shape.maximum,
                                        " items, found ", count));
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      Check(node.items[i], *shape.element, Concat(path, "[", i, "]"));
    }
  }

  void CheckText(const YamlNode& node, const Shape& shape, const std::string& path) {
    std::string_view expected = shape.form.name.empty() ? "a text" : shape.form.name;
    bool number = IsPlainNumber(node) && !(shape.integer_too && IsPlainInteger(node));
    if (node.kind != YamlNode::Kind::kScalar || number || IsPlainBoolean(node)) {
      return Wrong(node, path, expected);
    }
    if (shape.form.accepts != nullptr && !shape.form.accepts(node.text)) {
      return Wrong(node, path, expected);
    }
    if (shape.choices.empty()) return;
    std::string choices;
    for (const std::string& choice : shape.choices) {
      if (choice == node.text) return;
      choices += Concat(choices.empty() ? "" : ", ", choice);
    }
    findings_->Add(node.place, Concat(path, ": expected one of ", choices, ", found ", Found(node),
                                      Suggestion(node.text, shape.choices)));
  }

  void CheckNumber(const YamlNode& node, const Shape& shape, const std::string& path) {
    bool whole = shape.kind == ShapeKind::kInteger;
    if (whole ? !IsPlainInteger(node) : !IsPlainNumber(node)) {
      return Wrong(node, path, whole ? "a whole number" : "a number");
    }
    double value = schema::ParseFloat64(node.text).value_or(0);
    if (whole) value = static_cast<double>(*schema::ParseInt64(node.text));
    if (value >= static_cast<double>(shape.minimum) &&
        value <= static_cast<double>(shape.maximum)) {
      return;
    }
    Wrong(node, path, Concat("a number from ", shape.minimum, " to ", shape.maximum));
  }

  Findings* findings_;
};

}  // namespace

void CheckShape(const YamlNode& node, const Shape& shape, const std::string& path,
                Findings* findings) {
  ShapeChecker(findings).Check(node, shape, path);
}

}  // namespace afluente::spec
