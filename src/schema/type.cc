#include "schema/type.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "schema/text.h"

namespace afluente::schema {
namespace {

// BigQuery allows 15 levels of nested records.
constexpr int kNestingMax = 15;
constexpr size_t kTextMax = 64 << 10;

struct NamedKind {
  std::string_view name;
  TypeKind kind;
};

// The first name of a kind is the one that GoogleSQL prints.
constexpr NamedKind kScalars[] = {
    {"BOOL", TypeKind::kBool},
    {"INT64", TypeKind::kInt64},
    {"FLOAT64", TypeKind::kFloat64},
    {"NUMERIC", TypeKind::kNumeric},
    {"BIGNUMERIC", TypeKind::kBigNumeric},
    {"STRING", TypeKind::kString},
    {"BYTES", TypeKind::kBytes},
    {"DATE", TypeKind::kDate},
    {"DATETIME", TypeKind::kDatetime},
    {"TIME", TypeKind::kTime},
    {"TIMESTAMP", TypeKind::kTimestamp},
    {"JSON", TypeKind::kJson},
    {"INTERVAL", TypeKind::kInterval},
    {"BOOLEAN", TypeKind::kBool},
    {"INTEGER", TypeKind::kInt64},
    {"INT", TypeKind::kInt64},
    {"SMALLINT", TypeKind::kInt64},
    {"BIGINT", TypeKind::kInt64},
    {"TINYINT", TypeKind::kInt64},
    {"BYTEINT", TypeKind::kInt64},
    {"FLOAT", TypeKind::kFloat64},
    {"DECIMAL", TypeKind::kNumeric},
    {"BIGDECIMAL", TypeKind::kBigNumeric},
};
constexpr std::string_view kUnsupported[] = {"GEOGRAPHY"};

bool IsNameByte(char c) { return IsAlpha(c) || IsDigit(c) || c == '_' || (c & 0x80) != 0; }

class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text) {}

  absl::StatusOr<Type> ParseAll() {
    if (text_.size() > kTextMax) return absl::InvalidArgumentError("the type's text is too long");
    absl::StatusOr<Type> type = Parse(0);
    if (!type.ok()) return type;
    SkipSpace();
    if (at_ != text_.size()) return Unexpected("the end of the type");
    return type;
  }

 private:
  absl::StatusOr<Type> Parse(int depth) {
    if (depth > kNestingMax) {
      return absl::InvalidArgumentError(
          Concat("the type nests deeper than ", kNestingMax, " levels"));
    }
    std::string_view word = Word();
    if (word.empty()) return Unexpected("a type");
    return ParseAfter(word, depth);
  }

  absl::StatusOr<Type> ParseAfter(std::string_view word, int depth) {
    if (EqualsIgnoreCase(word, "ARRAY")) return ParseArray(depth);
    if (EqualsIgnoreCase(word, "STRUCT")) return ParseStruct(depth);
    if (EqualsIgnoreCase(word, "RANGE")) return ParseRange(depth);
    for (const NamedKind& scalar : kScalars) {
      if (!EqualsIgnoreCase(word, scalar.name)) continue;
      SkipSpace();
      if (at_ < text_.size() && text_[at_] == '(') {
        return absl::InvalidArgumentError(
            Concat(scalar.name, " with parameters is not supported by this version"));
      }
      return Type{scalar.kind, {}};
    }
    for (std::string_view name : kUnsupported) {
      if (EqualsIgnoreCase(word, name)) {
        return absl::InvalidArgumentError(
            Concat("type ", name, " is not supported by this version"));
      }
    }
    return absl::InvalidArgumentError(Concat("unknown type ", word));
  }

  absl::StatusOr<Type> ParseArray(int depth) {
    if (!Take('<')) return Unexpected("< after ARRAY");
    absl::StatusOr<Type> element = Parse(depth + 1);
    if (!element.ok()) return element;
    if (element->kind == TypeKind::kArray) {
      return absl::InvalidArgumentError("an ARRAY of ARRAY is not allowed");
    }
    if (!Take('>')) return Unexpected("> after the element type of ARRAY");
    return Type::Array(*std::move(element));
  }

  absl::StatusOr<Type> ParseRange(int depth) {
    if (!Take('<')) return Unexpected("< after RANGE");
    absl::StatusOr<Type> element = Parse(depth + 1);
    if (!element.ok()) return element;
    if (element->kind != TypeKind::kDate && element->kind != TypeKind::kDatetime &&
        element->kind != TypeKind::kTimestamp) {
      return absl::InvalidArgumentError("a RANGE is of DATE, DATETIME or TIMESTAMP");
    }
    if (!Take('>')) return Unexpected("> after the element type of RANGE");
    return Type::Range(*std::move(element));
  }

  absl::StatusOr<Type> ParseStruct(int depth) {
    if (!Take('<')) return Unexpected("< after STRUCT");
    std::vector<Field> fields;
    if (Take('>')) return Type::Struct(std::move(fields));
    do {
      absl::StatusOr<Field> field = ParseField(depth + 1);
      if (!field.ok()) return field.status();
      for (const Field& other : fields) {
        if (!field->name.empty() && EqualsIgnoreCase(other.name, field->name)) {
          return absl::InvalidArgumentError(
              Concat("field ", field->name, " occurs twice in a STRUCT"));
        }
      }
      fields.push_back(*std::move(field));
    } while (Take(','));
    if (!Take('>')) return Unexpected(", or > in STRUCT");
    return Type::Struct(std::move(fields));
  }

  // "name TYPE", or a type alone: GoogleSQL allows fields without a name.
  absl::StatusOr<Field> ParseField(int depth) {
    SkipSpace();
    Field field;
    if (at_ < text_.size() && text_[at_] == '`') {
      size_t end = text_.find('`', at_ + 1);
      if (end == std::string_view::npos || end == at_ + 1) return Unexpected("a quoted field name");
      field.name = std::string(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
    } else {
      std::string_view word = Word();
      if (word.empty()) return Unexpected("a field");
      SkipSpace();
      if (at_ == text_.size() || !(IsNameByte(text_[at_]))) {
        absl::StatusOr<Type> type = ParseAfter(word, depth);
        if (!type.ok()) return type.status();
        field.type = *std::move(type);
        return field;
      }
      field.name = std::string(word);
    }
    absl::StatusOr<Type> type = Parse(depth);
    if (!type.ok()) return type.status();
    field.type = *std::move(type);
    return field;
  }

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view Word() {
    SkipSpace();
    size_t start = at_;
    while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }
  absl::Status Unexpected(std::string_view expected) const {
    std::string found = at_ == text_.size() ? "the end" : Concat("\"", text_.substr(at_, 1), "\"");
    return absl::InvalidArgumentError(Concat("in type \"", text_.substr(0, 100), "\", column ",
                                             at_ + 1, ": expected ", expected, ", found ", found));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Type Type::Array(Type element) {
  Type type{TypeKind::kArray, {}};
  type.fields.push_back(Field{"", std::move(element)});
  return type;
}

Type Type::Struct(std::vector<Field> fields) { return Type{TypeKind::kStruct, std::move(fields)}; }

Type Type::Range(Type element) {
  Type type{TypeKind::kRange, {}};
  type.fields.push_back(Field{"", std::move(element)});
  return type;
}

const Type& Type::element() const { return fields.front().type; }

std::string Type::ToString() const {
  if (kind == TypeKind::kArray) return Concat("ARRAY<", element().ToString(), ">");
  if (kind == TypeKind::kRange) return Concat("RANGE<", element().ToString(), ">");
  if (kind == TypeKind::kStruct) {
    std::string text = "STRUCT<";
    for (size_t i = 0; i < fields.size(); ++i) {
      text += Concat(i == 0 ? "" : ", ", fields[i].name, fields[i].name.empty() ? "" : " ",
                     fields[i].type.ToString());
    }
    return text + ">";
  }
  for (const NamedKind& scalar : kScalars) {
    if (scalar.kind == kind) return std::string(scalar.name);
  }
  return "";
}

absl::StatusOr<Type> ParseType(std::string_view text) { return TypeParser(text).ParseAll(); }

}  // namespace afluente::schema
