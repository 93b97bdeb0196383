#include "schema/message/avro_definition.h"

#include <optional>
#include <utility>

#include "host/check.h"
#include "schema/message/avro_json.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::schema::avro {
namespace {

namespace dom = simdjson::dom;

constexpr uint32_t kDecimalScaleMax = 38;  // BIGNUMERIC's
constexpr int kDefinitionDepthMax = 64;

struct Primitive {
  std::string_view name;
  Kind kind;
};
constexpr Primitive kPrimitives[] = {
    {"null", Kind::kNull},   {"boolean", Kind::kBoolean}, {"int", Kind::kInt},
    {"long", Kind::kLong},   {"float", Kind::kFloat},     {"double", Kind::kDouble},
    {"bytes", Kind::kBytes}, {"string", Kind::kString},
};

struct LogicalName {
  std::string_view name;
  Kind of;
  Logical logical;
};
constexpr LogicalName kLogicals[] = {
    {"date", Kind::kInt, Logical::kDate},
    {"time-millis", Kind::kInt, Logical::kTimeMillis},
    {"time-micros", Kind::kLong, Logical::kTimeMicros},
    {"timestamp-millis", Kind::kLong, Logical::kTimestampMillis},
    {"timestamp-micros", Kind::kLong, Logical::kTimestampMicros},
    {"local-timestamp-millis", Kind::kLong, Logical::kLocalTimestampMillis},
    {"local-timestamp-micros", Kind::kLong, Logical::kLocalTimestampMicros},
    {"decimal", Kind::kBytes, Logical::kDecimal},
    {"decimal", Kind::kFixed, Logical::kDecimal},
};

bool IsName(std::string_view text) {
  if (text.empty() || IsDigit(text.front())) return false;
  for (char c : text) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '_') return false;
  }
  return true;
}

// "a.b.Name": every part a name.
bool IsFullName(std::string_view text) {
  for (size_t dot; (dot = text.find('.')) != std::string_view::npos; text.remove_prefix(dot + 1)) {
    if (!IsName(text.substr(0, dot))) return false;
  }
  return IsName(text);
}

std::string Qualify(std::string_view name, std::string_view space) {
  bool whole = space.empty() || name.find('.') != std::string_view::npos;
  return whole ? std::string(name) : Concat(space, ".", name);
}

std::string_view NamespaceOf(std::string_view full_name) {
  size_t dot = full_name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : full_name.substr(0, dot);
}

std::optional<std::string_view> TextOf(dom::object object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

bool Has(dom::object object, std::string_view key) {
  return object.at_key(key).error() == simdjson::SUCCESS;
}

}  // namespace

class DefinitionParser {
 public:
  explicit DefinitionParser(Definition* definition) : definition_(definition) {}

  bool Parse(dom::element root) {
    definition_->root_ = ParseType(root, "", 0);
    return definition_->root_ != nullptr && CheckDefaults();
  }
  Problem& problem() { return problem_; }

 private:
  struct Default {
    std::string field;
    const Type* type;
    dom::element value;
  };

  // These return null after noting what is wrong.
  const Type* ParseType(dom::element element, std::string_view space, int depth);
  const Type* ParseObject(dom::object object, std::string_view space, int depth);
  const Type* ParseNamed(std::string_view word, dom::object object, std::string_view space,
                         int depth);
  const Type* ParseUnion(dom::array array, std::string_view space, int depth);
  const Type* ParsePrimitive(Kind kind, std::string_view name);
  Type* NameType(Kind kind, dom::object object, std::string_view space);
  bool ParseFields(Type* type, dom::object object, int depth);
  bool ParseField(Type* type, dom::element element, int depth);
  bool ParseSymbols(Type* type, dom::object object);
  bool ParseAliases(dom::object object, std::string_view space, std::vector<std::string>* aliases);
  void ParseLogical(Type* type, dom::object object);
  bool CheckDefaults();

  bool Fail(std::string what) { return problem_.Fail(std::move(what)); }
  const Type* Null(bool) { return nullptr; }
  Type* Add(Kind kind, std::string_view name) {
    auto type = std::make_unique<Type>();
    type->kind = kind;
    type->name = name;
    definition_->types_.push_back(std::move(type));
    return definition_->types_.back().get();
  }

  Definition* const definition_;
  Problem problem_;
  std::map<std::string, const Type*, std::less<>> named_;
  std::map<Kind, const Type*> primitives_;
  std::vector<Default> defaults_;
};

const Type* DefinitionParser::ParsePrimitive(Kind kind, std::string_view name) {
  const Type*& type = primitives_[kind];
  if (type == nullptr) type = Add(kind, name);
  return type;
}

const Type* DefinitionParser::ParseType(dom::element element, std::string_view space, int depth) {
  if (depth > kDefinitionDepthMax) {
    return Null(Fail(Concat("types nested more than ", kDefinitionDepthMax, " levels")));
  }
  std::string_view name;
  dom::object object;
  dom::array array;
  if (element.get(object) == simdjson::SUCCESS) return ParseObject(object, space, depth);
  if (element.get(array) == simdjson::SUCCESS) return ParseUnion(array, space, depth);
  if (element.get(name) != simdjson::SUCCESS) {
    return Null(Fail("expected a type: a name, an object, or an array of types (a union)"));
  }
  for (const Primitive& primitive : kPrimitives) {
    if (primitive.name == name) return ParsePrimitive(primitive.kind, name);
  }
  auto it = named_.find(Qualify(name, space));
  if (it == named_.end()) it = named_.find(name);
  if (it == named_.end()) return Null(Fail(Concat("unknown type ", QuoteForMessage(name))));
  return it->second;
}

const Type* DefinitionParser::ParseObject(dom::object object, std::string_view space, int depth) {
  dom::element inner;
  if (object["type"].get(inner) != simdjson::SUCCESS) return Null(Fail("a type without \"type\""));
  std::string_view word;
  if (inner.get(word) != simdjson::SUCCESS) return ParseType(inner, space, depth + 1);
  if (word == "record" || word == "error" || word == "enum" || word == "fixed") {
    return ParseNamed(word, object, space, depth);
  }
  if (word == "array" || word == "map") {
    std::string_view key = word == "array" ? "items" : "values";
    dom::element items;
    if (object[key].get(items) != simdjson::SUCCESS) {
      return Null(Fail(Concat("an ", word, " without \"", key, "\"")));
    }
    Type* type = Add(word == "array" ? Kind::kArray : Kind::kMap, word);
    type->items = ParseType(items, space, depth + 1);
    return type->items == nullptr ? nullptr : type;
  }
  for (const Primitive& primitive : kPrimitives) {
    if (primitive.name != word || !Has(object, "logicalType")) continue;
    Type* type = Add(primitive.kind, word);
    ParseLogical(type, object);
    return type;
  }
  return ParseType(inner, space, depth + 1);
}

Type* DefinitionParser::NameType(Kind kind, dom::object object, std::string_view space) {
  std::optional<std::string_view> name = TextOf(object, "name");
  if (!name.has_value() || !IsFullName(*name)) {
    Fail(name.has_value() ? Concat(QuoteForMessage(*name), " is not a name")
                          : "a named type without \"name\"");
    return nullptr;
  }
  std::optional<std::string_view> own_space = TextOf(object, "namespace");
  if (own_space.has_value() && !own_space->empty() && !IsFullName(*own_space)) {
    Fail(Concat(QuoteForMessage(*own_space), " is not a namespace"));
    return nullptr;
  }
  Type* type = Add(kind, Qualify(*name, own_space.value_or(space)));
  if (!named_.emplace(type->name, type).second) {
    Fail(Concat("type ", type->name, " is defined twice"));
    return nullptr;
  }
  return ParseAliases(object, NamespaceOf(type->name), &type->aliases) ? type : nullptr;
}

const Type* DefinitionParser::ParseNamed(std::string_view word, dom::object object,
                                         std::string_view space, int depth) {
  Kind kind = word == "enum" ? Kind::kEnum : word == "fixed" ? Kind::kFixed : Kind::kRecord;
  Type* type = NameType(kind, object, space);
  if (type == nullptr) return nullptr;
  if (kind == Kind::kRecord) return ParseFields(type, object, depth) ? type : nullptr;
  if (kind == Kind::kEnum) return ParseSymbols(type, object) ? type : nullptr;
  if (object["size"].get(type->size) != simdjson::SUCCESS) {
    return Null(Fail(Concat("fixed ", type->name, " without \"size\", a whole number")));
  }
  ParseLogical(type, object);
  return type;
}

bool DefinitionParser::ParseAliases(dom::object object, std::string_view space,
                                    std::vector<std::string>* aliases) {
  if (!Has(object, "aliases")) return true;
  dom::array array;
  if (object["aliases"].get(array) != simdjson::SUCCESS) return Fail("\"aliases\" is not an array");
  for (dom::element element : array) {
    std::string_view alias;
    if (element.get(alias) != simdjson::SUCCESS || !IsFullName(alias)) {
      return Fail("\"aliases\" holds what is not a name");
    }
    aliases->push_back(Qualify(alias, space));
  }
  return true;
}

bool DefinitionParser::ParseFields(Type* type, dom::object object, int depth) {
  dom::array fields;
  if (object["fields"].get(fields) != simdjson::SUCCESS) {
    return Fail(Concat("record ", type->name, " without \"fields\", an array"));
  }
  for (dom::element element : fields) {
    if (!ParseField(type, element, depth)) return false;
  }
  return true;
}

bool DefinitionParser::ParseField(Type* type, dom::element element, int depth) {
  dom::object object;
  std::optional<std::string_view> name;
  if (element.get(object) == simdjson::SUCCESS) name = TextOf(object, "name");
  if (!name.has_value() || !IsName(*name)) {
    return Fail(Concat("record ", type->name, " has a field without a name of letters, digits, _"));
  }
  if (!type->index.emplace(*name, type->fields.size()).second) {
    return Fail("occurs twice") || problem_.AtField(*name);
  }
  Field field{std::string(*name), {}, nullptr, false};
  dom::element inner;
  if (object["type"].get(inner) != simdjson::SUCCESS) {
    return Fail("a field without \"type\"") || problem_.AtField(*name);
  }
  field.type = ParseType(inner, NamespaceOf(type->name), depth + 1);
  if (field.type == nullptr || !ParseAliases(object, "", &field.aliases)) {
    return problem_.AtField(*name);
  }
  if (dom::element value; object["default"].get(value) == simdjson::SUCCESS) {
    field.has_default = true;
    defaults_.push_back({Concat(type->name, ".", *name), field.type, value});
  }
  type->fields.push_back(std::move(field));
  return true;
}

bool DefinitionParser::ParseSymbols(Type* type, dom::object object) {
  dom::array symbols;
  if (object["symbols"].get(symbols) != simdjson::SUCCESS) {
    return Fail(Concat("enum ", type->name, " without \"symbols\", an array"));
  }
  for (dom::element element : symbols) {
    std::string_view symbol;
    if (element.get(symbol) != simdjson::SUCCESS || !IsName(symbol)) {
      return Fail(Concat("enum ", type->name, " has a symbol that is not a name"));
    }
    if (!type->index.emplace(symbol, type->symbols.size()).second) {
      return Fail(Concat("enum ", type->name, " has ", symbol, " twice"));
    }
    type->symbols.emplace_back(symbol);
  }
  if (!Has(object, "default")) return true;
  std::optional<std::string_view> value = TextOf(object, "default");
  type->has_default = value.has_value() && type->index.find(*value) != type->index.end();
  return type->has_default || Fail(Concat("enum ", type->name, "'s default is not a symbol"));
}

void DefinitionParser::ParseLogical(Type* type, dom::object object) {
  // A logical type that does not fit is ignored, as the specification asks.
  std::optional<std::string_view> name = TextOf(object, "logicalType");
  for (const LogicalName& logical : kLogicals) {
    if (logical.name != name || logical.of != type->kind) continue;
    if (logical.logical == Logical::kDecimal) {
      uint64_t scale = 0;
      if (Has(object, "scale") && object["scale"].get(scale) != simdjson::SUCCESS) return;
      if (scale > kDecimalScaleMax) return;
      type->scale = static_cast<uint32_t>(scale);
    }
    type->logical = logical.logical;
  }
}

const Type* DefinitionParser::ParseUnion(dom::array array, std::string_view space, int depth) {
  Type* type = Add(Kind::kUnion, "union");
  for (dom::element element : array) {
    const Type* branch = ParseType(element, space, depth + 1);
    if (branch == nullptr) return nullptr;
    if (branch->kind == Kind::kUnion) return Null(Fail("a union directly within a union"));
    if (!type->index.emplace(branch->name, type->branches.size()).second) {
      return Null(Fail(Concat("a union with ", branch->name, " twice")));
    }
    type->branches.push_back(branch);
  }
  return type->branches.empty() ? Null(Fail("an empty union")) : type;
}

bool DefinitionParser::CheckDefaults() {
  // Only now, since a default's type may be defined after it.
  for (const Default& one : defaults_) {
    Reading reading(0, nullptr);
    if (ReadJsonValue(*one.type, one.value, UnionForm::kFirstBranch, 0, reading)) continue;
    return Fail(Concat("the default of ", one.field, " does not fit: ", reading.problem().Text()));
  }
  return true;
}

absl::StatusOr<std::unique_ptr<Definition>> Definition::Parse(std::string_view json) {
  dom::parser parser;
  dom::element root;
  if (simdjson::error_code error = parser.parse(json.data(), json.size()).get(root)) {
    return absl::InvalidArgumentError(
        Concat("not an Avro schema: not JSON: ", simdjson::error_message(error)));
  }
  std::unique_ptr<Definition> definition(new Definition);
  DefinitionParser definition_parser(definition.get());
  if (!definition_parser.Parse(root)) {
    return absl::InvalidArgumentError(
        Concat("not an Avro schema: ", definition_parser.problem().Text()));
  }
  return definition;
}

}  // namespace afluente::schema::avro
