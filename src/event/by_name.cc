#include "event/by_name.h"

#include <cstring>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "event/json_scalar.h"
#include "schema/json_text.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "simdjson.h"

namespace afluente::event {
namespace {

namespace ondemand = simdjson::ondemand;
using schema::Concat;
using schema::TypeKind;
using schema::Value;

// Buffers beyond this are given back after the message that needed them.
constexpr size_t kKeptBytes = 1 << 20;

// The fields of the row or of a STRUCT, prepared for lookup by name.
struct Record {
  struct Member {
    std::string name;
    schema::Type type;
    bool required = false;
    // Of a STRUCT or of an ARRAY of STRUCT.
    std::unique_ptr<Record> record;
  };
  std::vector<Member> members;
  std::unordered_map<std::string, size_t> by_lower_name;
  // A member was seen in the current object when its entry equals `generation`. One object of a
  // Record is open at a time, since a type cannot contain itself.
  std::vector<uint64_t> seen;
  uint64_t generation = 0;
};

std::unique_ptr<Record> MakeRecord(const std::vector<schema::Field>& fields);

void AddMember(Record* record, std::string name, const schema::Type& type, bool required) {
  Record::Member member{std::move(name), type, required, nullptr};
  const schema::Type& inner = type.kind == TypeKind::kArray ? type.element() : type;
  if (inner.kind == TypeKind::kStruct) member.record = MakeRecord(inner.fields);
  record->by_lower_name.emplace(schema::Lowercase(member.name), record->members.size());
  record->members.push_back(std::move(member));
  record->seen.push_back(0);
}

std::unique_ptr<Record> MakeRecord(const std::vector<schema::Field>& fields) {
  auto record = std::make_unique<Record>();
  for (const schema::Field& field : fields) AddMember(record.get(), field.name, field.type, false);
  return record;
}

std::string PathStep(std::string_view key) {
  bool plain = !key.empty() && key.size() <= 300;
  for (char c : key) plain = plain && (schema::IsAlpha(c) || schema::IsDigit(c) || c == '_');
  return plain ? Concat(".", key) : Concat("[", schema::QuoteForMessage(key), "]");
}

std::string_view NameOf(ondemand::json_type type) {
  switch (type) {
    case ondemand::json_type::array:
      return "an array";
    case ondemand::json_type::object:
      return "an object";
    case ondemand::json_type::number:
      return "a number";
    case ondemand::json_type::string:
      return "a string";
    case ondemand::json_type::boolean:
      return "a boolean";
    default:
      return "null";
  }
}

std::string_view Trim(std::string_view token) {
  while (!token.empty() && schema::IsSpace(token.back())) token.remove_suffix(1);
  return token;
}

}  // namespace

// Methods return false after noting what failed; callers put their step in front of the path.
struct ByNameDecoder::State {
  Record root;
  UnknownFields unknown_fields;
  ondemand::parser parser;
  std::string buffer;
  std::string path;
  std::string problem;

  bool Fail(std::string what) {
    path.clear();
    problem = std::move(what);
    return false;
  }
  bool Malformed(simdjson::error_code code) {
    return Fail(Concat("malformed JSON: ", simdjson::error_message(code)));
  }
  bool At(std::string step) {
    path.insert(0, step);
    return false;
  }
  bool Mismatch(const schema::Type& type, std::string_view found) {
    return Fail(Concat("expected ", type.ToString(), ", found ", found));
  }

  bool DecodeDocument(std::string_view json, std::vector<Value>* row);
  bool DecodeObject(Record* record, ondemand::object object, std::vector<Value>* values);
  bool DecodeField(Record* record, std::string_view key, size_t* hint, ondemand::value value,
                   std::vector<Value>* values);
  bool DecodeMember(const Record::Member& member, ondemand::value value, Value* out);
  bool DecodeArray(const Record::Member& member, ondemand::value value, Value* out);
  bool DecodeValue(const schema::Type& type, Record* record, ondemand::value value, Value* out);
  bool DecodeJson(ondemand::value value, Value* out);
  bool DecodeNumber(const schema::Type& type, ondemand::value value, Value* out);
  bool DecodeString(const schema::Type& type, ondemand::value value, Value* out);
  bool IsNull(ondemand::value value, bool* null);
  bool FillMissing(Record* record, std::vector<Value>* values);
};

bool ByNameDecoder::State::DecodeDocument(std::string_view json, std::vector<Value>* row) {
  if (schema::StripSpace(json).empty()) return Fail("expected a JSON object, found nothing");
  // simdjson's ondemand parser forgives some malformed texts, so ours judges first.
  if (!schema::IsUtf8(json)) return Fail("malformed JSON: not UTF-8");
  if (std::optional<size_t> at = schema::FindJsonError(json)) {
    return Fail(Concat("malformed JSON, or over 500 levels deep, at byte ", *at));
  }
  size_t needed = json.size() + simdjson::SIMDJSON_PADDING;
  if (buffer.size() < needed) buffer.resize(needed);
  std::memcpy(buffer.data(), json.data(), json.size());
  std::memset(buffer.data() + json.size(), ' ', simdjson::SIMDJSON_PADDING);
  ondemand::document document;
  if (auto code = parser.iterate(buffer.data(), json.size(), buffer.size()).get(document)) {
    return Malformed(code);
  }
  ondemand::object object;
  if (auto code = document.get_object().get(object)) {
    return code == simdjson::INCORRECT_TYPE ? Fail("expected a JSON object, found another value")
                                            : Malformed(code);
  }
  return DecodeObject(&root, object, row);
}

bool ByNameDecoder::State::DecodeObject(Record* record, ondemand::object object,
                                        std::vector<Value>* values) {
  ++record->generation;
  values->resize(record->members.size());
  size_t hint = 0;
  for (auto entry : object) {
    ondemand::field field;
    if (auto code = std::move(entry).get(field)) return Malformed(code);
    std::string_view key = field.escaped_key();
    // Unescaping writes to the parser's buffer, so it is done only when needed.
    if (key.find('\\') != std::string_view::npos) {
      if (auto code = field.unescaped_key().get(key)) return Malformed(code);
    }
    if (!DecodeField(record, key, &hint, field.value(), values)) return false;
  }
  return FillMissing(record, values);
}

bool ByNameDecoder::State::DecodeField(Record* record, std::string_view key, size_t* hint,
                                       ondemand::value value, std::vector<Value>* values) {
  // Publishers mostly send fields in one order, often the table's.
  size_t index = *hint;
  if (index >= record->members.size() || record->members[index].name != key) {
    auto found = record->by_lower_name.find(schema::Lowercase(key));
    if (found == record->by_lower_name.end()) {
      if (unknown_fields == UnknownFields::kIgnore) {
        return true;
      }
      Fail("unknown field: there is no such column");
      return At(PathStep(key));
    }
    index = found->second;
  }
  *hint = index + 1;
  if (record->seen[index] == record->generation) {
    Fail("the field occurs twice");
    return At(PathStep(key));
  }
  record->seen[index] = record->generation;
  const Record::Member& member = record->members[index];
  return DecodeMember(member, value, &(*values)[index]) || At(PathStep(member.name));
}

bool ByNameDecoder::State::FillMissing(Record* record, std::vector<Value>* values) {
  for (size_t i = 0; i < record->members.size(); ++i) {
    if (record->seen[i] == record->generation) continue;
    const Record::Member& member = record->members[i];
    if (member.required) {
      Fail(Concat("the REQUIRED field is missing (expected ", member.type.ToString(), ")"));
      return At(PathStep(member.name));
    }
    // In BigQuery a missing ARRAY is an empty one.
    if (member.type.kind == TypeKind::kArray) (*values)[i] = Value(Value::List());
  }
  return true;
}

bool ByNameDecoder::State::IsNull(ondemand::value value, bool* null) {
  ondemand::json_type type;
  if (auto code = value.type().get(type)) return Malformed(code);
  *null = false;
  if (type != ondemand::json_type::null) return true;
  if (auto code = value.is_null().get(*null)) return Malformed(code);
  return *null || Fail("malformed JSON: expected null");
}

bool ByNameDecoder::State::DecodeMember(const Record::Member& member, ondemand::value value,
                                        Value* out) {
  bool null;
  if (!IsNull(value, &null)) return false;
  if (null) {
    if (member.required) {
      return Fail(Concat("expected ", member.type.ToString(), " (REQUIRED), found null"));
    }
    *out = member.type.kind == TypeKind::kArray ? Value(Value::List()) : Value();
    return true;
  }
  if (member.type.kind == TypeKind::kArray) return DecodeArray(member, value, out);
  return DecodeValue(member.type, member.record.get(), value, out);
}

bool ByNameDecoder::State::DecodeArray(const Record::Member& member, ondemand::value value,
                                       Value* out) {
  ondemand::json_type kind;
  if (auto code = value.type().get(kind)) return Malformed(code);
  ondemand::array array;
  if (kind != ondemand::json_type::array) return Mismatch(member.type, NameOf(kind));
  if (auto code = value.get_array().get(array)) return Malformed(code);
  const schema::Type& element_type = member.type.element();
  Value::List elements;
  for (auto entry : array) {
    ondemand::value element;
    if (auto code = std::move(entry).get(element)) return Malformed(code);
    bool null;
    Value decoded;
    if (!IsNull(element, &null)) return At(Concat("[", elements.size(), "]"));
    if (null) Mismatch(element_type, "null (an ARRAY holds no NULL)");
    if (null || !DecodeValue(element_type, member.record.get(), element, &decoded)) {
      return At(Concat("[", elements.size(), "]"));
    }
    elements.push_back(std::move(decoded));
  }
  *out = Value(std::move(elements));
  return true;
}

bool ByNameDecoder::State::DecodeValue(const schema::Type& type, Record* record,
                                       ondemand::value value, Value* out) {
  if (type.kind == TypeKind::kJson) return DecodeJson(value, out);
  ondemand::json_type found;
  if (auto code = value.type().get(found)) return Malformed(code);
  if (found == ondemand::json_type::object && type.kind == TypeKind::kStruct) {
    ondemand::object object;
    if (auto code = value.get_object().get(object)) return Malformed(code);
    std::vector<Value> fields;
    if (!DecodeObject(record, object, &fields)) return false;
    *out = Value(std::move(fields));
    return true;
  }
  switch (found) {
    case ondemand::json_type::string:
      return DecodeString(type, value, out);
    case ondemand::json_type::number:
      return DecodeNumber(type, value, out);
    case ondemand::json_type::boolean: {
      bool flag;
      if (auto code = value.get_bool().get(flag)) return Malformed(code);
      std::optional<Value> decoded = FromJsonBool(type.kind, flag);
      if (!decoded.has_value()) return Mismatch(type, flag ? "true" : "false");
      *out = *std::move(decoded);
      return true;
    }
    case ondemand::json_type::array:
    case ondemand::json_type::object:
      return Mismatch(type, NameOf(found));
    default:
      return Fail("malformed JSON: not a value");
  }
}

bool ByNameDecoder::State::DecodeString(const schema::Type& type, ondemand::value value,
                                        Value* out) {
  std::string_view text;
  if (auto code = value.get_string().get(text)) return Malformed(code);
  std::optional<Value> decoded = FromJsonString(type.kind, text);
  if (!decoded.has_value()) {
    return Mismatch(type, Concat("string ", schema::QuoteForMessage(text)));
  }
  *out = *std::move(decoded);
  return true;
}

bool ByNameDecoder::State::DecodeNumber(const schema::Type& type, ondemand::value value,
                                        Value* out) {
  std::string_view text = Trim(value.raw_json_token());
  std::optional<Value> decoded = FromJsonNumber(type.kind, text);
  if (!decoded.has_value()) {
    return Mismatch(type, Concat("number ", text.substr(0, 64), text.size() > 64 ? "..." : ""));
  }
  *out = *std::move(decoded);
  return true;
}

// BigQuery: "fields that are declared as JSON are loaded with the raw JSON values".
bool ByNameDecoder::State::DecodeJson(ondemand::value value, Value* out) {
  std::string_view raw;
  if (auto code = value.raw_json().get(raw)) return Malformed(code);
  *out = Value(std::string(Trim(raw)));
  return true;
}

ByNameDecoder::ByNameDecoder(std::vector<schema::Column> columns, UnknownFields unknown_fields)
    : state_(std::make_unique<State>()) {
  state_->unknown_fields = unknown_fields;
  for (const schema::Column& column : columns) {
    AddMember(&state_->root, column.name, column.type, column.mode == schema::Mode::kRequired);
  }
}

ByNameDecoder::~ByNameDecoder() = default;

absl::StatusOr<std::vector<Value>> ByNameDecoder::Decode(std::string_view json) {
  std::vector<Value> row;
  bool decoded = state_->DecodeDocument(json, &row);
  if (state_->buffer.size() > kKeptBytes) {
    state_->buffer = std::string();
    state_->parser = ondemand::parser();
  }
  if (decoded) return row;
  return absl::InvalidArgumentError(Concat("$", state_->path, ": ", state_->problem));
}

}  // namespace afluente::event
