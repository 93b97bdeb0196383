#include "schema/message/avro_json.h"

#include <limits>
#include <optional>

#include "schema/message/avro_reader.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::schema::avro {
namespace {

namespace dom = simdjson::dom;

// Documents up to this size share a parser a thread.
constexpr size_t kSharedParserBytes = 64 << 10;

std::string Describe(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "an array";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING: {
      std::string_view text;
      return value.get(text) == simdjson::SUCCESS ? Concat("the string ", QuoteForMessage(text))
                                                  : "a string";
    }
    case dom::element_type::BOOL:
      return "a boolean";
    case dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

// Bytes are written as text whose characters U+0000 to U+00FF stand for a byte each.
std::optional<std::string> BytesOfText(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes.push_back(text[i]);
    } else if (lead <= 0xc3 && i + 1 < text.size()) {
      bytes.push_back(static_cast<char>((lead << 6) | (text[++i] & 0x3f)));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

class JsonReader {
 public:
  JsonReader(UnionForm unions, Reading& reading) : unions_(unions), reading_(reading) {}

  bool Read(const Type& type, dom::element value, int depth);

 private:
  bool Fail(std::string what) { return reading_.problem().Fail(std::move(what)); }
  bool Mismatch(const Type& type, dom::element value) {
    return Fail(Concat("expected ", type.name, ", found ", Describe(value)));
  }
  bool ReadInteger(const Type& type, dom::element value);
  bool ReadBytes(const Type& type, dom::element value);
  bool ReadText(const Type& type, dom::element value);
  bool ReadRecord(const Type& type, dom::element value, int depth);
  bool ReadArray(const Type& type, dom::element value, int depth);
  bool ReadMap(const Type& type, dom::element value, int depth);
  bool ReadUnion(const Type& type, dom::element value, int depth);

  const UnionForm unions_;
  Reading& reading_;
};

bool JsonReader::ReadInteger(const Type& type, dom::element value) {
  int64_t number;
  if (value.get(number) != simdjson::SUCCESS) return Mismatch(type, value);
  if (type.kind == Kind::kInt && (number < std::numeric_limits<int32_t>::min() ||
                                  number > std::numeric_limits<int32_t>::max())) {
    return Fail(Concat("expected int, found ", number));
  }
  if (reading_.out() != nullptr) AppendInteger(*reading_.out(), type, number);
  return true;
}

bool JsonReader::ReadBytes(const Type& type, dom::element value) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return Mismatch(type, value);
  std::optional<std::string> bytes = BytesOfText(text);
  if (!bytes.has_value()) {
    return Fail(Concat("expected ", type.name, ": characters up to U+00FF, one a byte; found ",
                       QuoteForMessage(text)));
  }
  if (type.kind == Kind::kFixed && bytes->size() != type.size) {
    return Fail(
        Concat("expected the ", type.size, " bytes of ", type.name, ", found ", bytes->size()));
  }
  if (reading_.out() != nullptr) AppendBytes(*reading_.out(), type, *bytes);
  return true;
}

bool JsonReader::ReadText(const Type& type, dom::element value) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return Mismatch(type, value);
  if (type.kind == Kind::kEnum && type.index.find(text) == type.index.end()) {
    return Fail(Concat("the enum ", type.name, " has no symbol ", QuoteForMessage(text)));
  }
  reading_.WriteString(text);
  return true;
}

bool JsonReader::ReadRecord(const Type& type, dom::element value, int depth) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return Mismatch(type, value);
  std::vector<bool> seen(type.fields.size());
  size_t found = 0;
  reading_.Write("{");
  for (auto [name, member] : object) {
    auto it = type.index.find(name);
    if (it == type.index.end()) continue;
    const Field& field = type.fields[it->second];
    if (seen[it->second]) return Fail("occurs twice") || reading_.problem().AtField(field.name);
    seen[it->second] = true;
    if (found++ > 0) reading_.Write(",");
    reading_.WriteString(field.name);
    reading_.Write(":");
    if (!Read(*field.type, member, depth + 1)) return reading_.problem().AtField(field.name);
  }
  reading_.Write("}");
  for (size_t i = 0; found < seen.size() && i < seen.size(); ++i) {
    // A default may leave out its fields that have a default themselves.
    bool optional = unions_ == UnionForm::kFirstBranch && type.fields[i].has_default;
    if (seen[i] || optional) continue;
    return Fail("is missing") || reading_.problem().AtField(type.fields[i].name);
  }
  return true;
}

bool JsonReader::ReadArray(const Type& type, dom::element value, int depth) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return Mismatch(type, value);
  size_t index = 0;
  reading_.Write("[");
  for (dom::element item : array) {
    if (index > 0) reading_.Write(",");
    if (!Read(*type.items, item, depth + 1)) return reading_.problem().AtIndex(index);
    ++index;
  }
  reading_.Write("]");
  return true;
}

bool JsonReader::ReadMap(const Type& type, dom::element value, int depth) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return Mismatch(type, value);
  bool first = true;
  reading_.Write("{");
  for (auto [name, member] : object) {
    if (!first) reading_.Write(",");
    first = false;
    reading_.WriteString(name);
    reading_.Write(":");
    if (!Read(*type.items, member, depth + 1)) return reading_.problem().AtField(name);
  }
  reading_.Write("}");
  return true;
}

bool JsonReader::ReadUnion(const Type& type, dom::element value, int depth) {
  if (unions_ == UnionForm::kFirstBranch) {
    return type.branches.empty() ? Mismatch(type, value)
                                 : Read(*type.branches.front(), value, depth + 1);
  }
  auto branch = type.index.end();
  dom::element inner = value;
  dom::object object;
  if (value.is_null()) {
    branch = type.index.find("null");
  } else if (value.get(object) == simdjson::SUCCESS && object.size() == 1) {
    dom::key_value_pair pair = *object.begin();
    branch = type.index.find(pair.key);
    inner = pair.value;
  }
  if (branch == type.index.end()) {
    std::string names;
    for (const Type* one : type.branches) {
      names += Concat(names.empty() ? "" : ", ",
                      one->kind == Kind::kNull ? "null" : Concat("{\"", one->name, "\": ...}"));
      if (names.size() > 200) break;
    }
    return Fail(Concat("expected one of the union (", names, "), found ", Describe(value)));
  }
  return Read(*type.branches[branch->second], inner, depth + 1);
}

bool JsonReader::Read(const Type& type, dom::element value, int depth) {
  if (!reading_.Visit(depth)) return false;
  switch (type.kind) {
    case Kind::kNull:
      reading_.Write("null");
      return value.is_null() || Mismatch(type, value);
    case Kind::kBoolean: {
      bool flag;
      if (value.get(flag) != simdjson::SUCCESS) return Mismatch(type, value);
      reading_.Write(flag ? "true" : "false");
      return true;
    }
    case Kind::kInt:
    case Kind::kLong:
      return ReadInteger(type, value);
    case Kind::kFloat:
    case Kind::kDouble: {
      double number;
      if (value.get(number) != simdjson::SUCCESS) return Mismatch(type, value);
      if (reading_.out() != nullptr) AppendDouble(*reading_.out(), number);
      return true;
    }
    case Kind::kBytes:
    case Kind::kFixed:
      return ReadBytes(type, value);
    case Kind::kString:
    case Kind::kEnum:
      return ReadText(type, value);
    case Kind::kRecord:
      return ReadRecord(type, value, depth);
    case Kind::kArray:
      return ReadArray(type, value, depth);
    case Kind::kMap:
      return ReadMap(type, value, depth);
    case Kind::kUnion:
      return ReadUnion(type, value, depth);
  }
  return false;
}

}  // namespace

bool ReadJsonValue(const Type& type, dom::element value, UnionForm unions, int depth,
                   Reading& reading) {
  return JsonReader(unions, reading).Read(type, value, depth);
}

bool ReadJson(const Type& type, std::string_view data, Reading& reading) {
  // A parser's buffers are several times its largest document: those of a large one are not kept.
  thread_local dom::parser shared;
  std::optional<dom::parser> own;
  if (data.size() > kSharedParserBytes) own.emplace();
  dom::element document;
  simdjson::error_code error =
      (own.has_value() ? *own : shared).parse(data.data(), data.size()).get(document);
  if (error != simdjson::SUCCESS) {
    return reading.problem().Fail(Concat("not JSON: ", simdjson::error_message(error)));
  }
  return ReadJsonValue(type, document, UnionForm::kWrapped, 0, reading);
}

}  // namespace afluente::schema::avro
