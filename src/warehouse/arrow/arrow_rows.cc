#include "warehouse/arrow/arrow_rows.h"

#include <cstring>
#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>
#include <utility>

#include "host/check.h"
#include "schema/civil_time.h"
#include "schema/decimal.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::warehouse::arrow {
namespace {

using schema::Concat;
using schema::Type;
using schema::TypeKind;
using schema::Value;

constexpr size_t kNone = static_cast<size_t>(-1);
// Of a batch: bits, empty structs and absent fields need next to no bytes, each value of a row
// does.
constexpr int64_t kValuesMax = 4'000'000;

absl::Status Wrong(std::string_view what, const ArrowError& error) {
  return absl::InvalidArgumentError(Concat("Arrow: ", what, ": ", std::string_view(error.message)));
}

// How a field's values become a type's. The children of a STRUCT are in the type's order.
struct FieldPlan {
  std::string name;
  Type type;
  ArrowType storage = NANOARROW_TYPE_UNINITIALIZED;
  int64_t unit_micros = 1;  // of a time
  ArrowDecimal decimal{};   // its width and scale
  size_t child = kNone;     // which one of its parent's; kNone: not sent
  std::vector<FieldPlan> children;
};

bool IsText(ArrowType type) {
  return type == NANOARROW_TYPE_STRING || type == NANOARROW_TYPE_LARGE_STRING;
}

bool IsInteger(ArrowType type) {
  return type == NANOARROW_TYPE_INT8 || type == NANOARROW_TYPE_INT16 ||
         type == NANOARROW_TYPE_INT32 || type == NANOARROW_TYPE_INT64 ||
         type == NANOARROW_TYPE_UINT8 || type == NANOARROW_TYPE_UINT16 ||
         type == NANOARROW_TYPE_UINT32;
}

bool IsDecimal(ArrowType type) {
  return type == NANOARROW_TYPE_DECIMAL128 || type == NANOARROW_TYPE_DECIMAL256;
}

bool Converts(const ArrowSchemaView& field, TypeKind kind) {
  const ArrowType type = field.type;
  const bool zoned = type == NANOARROW_TYPE_TIMESTAMP && field.timezone[0] != '\0';
  switch (kind) {
    case TypeKind::kBool:
      return type == NANOARROW_TYPE_BOOL;
    case TypeKind::kInt64:
      return IsInteger(type);
    case TypeKind::kFloat64:
      return type == NANOARROW_TYPE_FLOAT || type == NANOARROW_TYPE_DOUBLE || IsInteger(type);
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return IsDecimal(type) || IsText(type);
    case TypeKind::kBytes:
      return type == NANOARROW_TYPE_BINARY || type == NANOARROW_TYPE_LARGE_BINARY ||
             type == NANOARROW_TYPE_FIXED_SIZE_BINARY;
    case TypeKind::kDate:
      return type == NANOARROW_TYPE_DATE32 || IsText(type);
    case TypeKind::kTime:
      return type == NANOARROW_TYPE_TIME32 || type == NANOARROW_TYPE_TIME64 || IsText(type);
    case TypeKind::kTimestamp:
      return zoned || IsText(type);
    case TypeKind::kDatetime:
      return (type == NANOARROW_TYPE_TIMESTAMP && !zoned) || IsText(type);
    case TypeKind::kArray:
      return type == NANOARROW_TYPE_LIST || type == NANOARROW_TYPE_LARGE_LIST;
    case TypeKind::kStruct:
    case TypeKind::kRange:
      return type == NANOARROW_TYPE_STRUCT;
    default:
      return IsText(type);
  }
}

absl::StatusOr<FieldPlan> PlanOf(const ArrowSchema& field, const Type& type,
                                 const std::string& path);

// The members of a STRUCT or RANGE, by name; what is not sent is NULL.
absl::Status PlanMembers(const ArrowSchema& field, const std::vector<schema::Field>& members,
                         FieldPlan& plan) {
  for (const schema::Field& member : members) {
    FieldPlan inner;
    inner.type = member.type;
    for (int64_t i = 0; i < field.n_children; ++i) {
      const ArrowSchema& child = *field.children[i];
      if (!schema::EqualsIgnoreCase(child.name == nullptr ? "" : child.name, member.name)) continue;
      AFLUENTE_ASSIGN_OR_RETURN(inner,
                                PlanOf(child, member.type, Concat(plan.name, ".", member.name)));
      inner.child = static_cast<size_t>(i);
      break;
    }
    plan.children.push_back(std::move(inner));
  }
  return absl::OkStatus();
}

absl::StatusOr<FieldPlan> PlanOf(const ArrowSchema& field, const Type& type,
                                 const std::string& path) {
  ArrowSchemaView view;
  ArrowError error{};
  if (ArrowSchemaViewInit(&view, &field, &error) != NANOARROW_OK) {
    return Wrong(Concat("field ", path), error);
  }
  const bool timed = view.type == NANOARROW_TYPE_TIMESTAMP || view.type == NANOARROW_TYPE_TIME32 ||
                     view.type == NANOARROW_TYPE_TIME64;
  const bool nanos = timed && view.time_unit == NANOARROW_TIME_UNIT_NANO;
  if (nanos || field.dictionary != nullptr || !Converts(view, type.kind)) {
    return absl::InvalidArgumentError(
        Concat("Field ", path, " of Arrow type ", ArrowTypeString(view.type),
               nanos ? " in nanoseconds" : "", " does not become ", type.ToString()));
  }
  FieldPlan plan;
  plan.name = path;
  plan.type = type;
  plan.storage = view.type;
  if (timed && view.time_unit == NANOARROW_TIME_UNIT_MILLI) plan.unit_micros = 1'000;
  if (timed && view.time_unit == NANOARROW_TIME_UNIT_SECOND) plan.unit_micros = 1'000'000;
  if (IsDecimal(view.type)) {
    ArrowDecimalInit(&plan.decimal, view.decimal_bitwidth, view.decimal_precision,
                     view.decimal_scale);
  }
  if (type.kind == TypeKind::kArray) {
    AFLUENTE_ASSIGN_OR_RETURN(FieldPlan element, PlanOf(*field.children[0], type.element(), path));
    plan.children.push_back(std::move(element));
  } else if (type.kind == TypeKind::kStruct) {
    AFLUENTE_RETURN_IF_ERROR(PlanMembers(field, type.fields, plan));
  } else if (type.kind == TypeKind::kRange) {
    const std::vector<schema::Field> ends = {{"start", type.element()}, {"end", type.element()}};
    AFLUENTE_RETURN_IF_ERROR(PlanMembers(field, ends, plan));
  }
  return plan;
}

absl::Status DoesNotFit(const FieldPlan& plan) {
  return absl::InvalidArgumentError(
      Concat("Field ", plan.name, ": the value is no ", plan.type.ToString()));
}

std::string TextOf(const ArrowArrayView& view, int64_t row) {
  const ArrowStringView text = ArrowArrayViewGetStringUnsafe(&view, row);
  return std::string(text.data, static_cast<size_t>(text.size_bytes));
}

absl::StatusOr<Value> ReadDecimal(const FieldPlan& plan, const ArrowArrayView& view, int64_t row) {
  std::string text;
  if (IsDecimal(plan.storage)) {
    ArrowDecimal decimal = plan.decimal;
    ArrowArrayViewGetDecimalUnsafe(&view, row, &decimal);
    nanoarrow::UniqueBuffer written;
    if (ArrowDecimalAppendStringToBuffer(&decimal, written.get()) != NANOARROW_OK) {
      return absl::ResourceExhaustedError("no memory for a decimal");
    }
    text.assign(reinterpret_cast<const char*>(written->data),
                static_cast<size_t>(written->size_bytes));
  } else {
    text = TextOf(view, row);
  }
  std::optional<std::string> canonical = schema::CanonicalDecimal(plan.type.kind, text);
  if (!canonical) return DoesNotFit(plan);
  return Value(*std::move(canonical));
}

absl::StatusOr<Value> ReadTime(const FieldPlan& plan, const ArrowArrayView& view, int64_t row) {
  int64_t number = ArrowArrayViewGetIntUnsafe(&view, row);
  if (__builtin_mul_overflow(number, plan.unit_micros, &number) ||
      !schema::IsTimeValue(plan.type.kind, number)) {
    return DoesNotFit(plan);
  }
  return Value(number);
}

absl::Status TooMany() {
  return absl::InvalidArgumentError(
      Concat("Arrow: rows: a batch of more than ", kValuesMax, " values"));
}

// Before nanoarrow validates: the sizes that it computes overflow with lengths near 2^63.
absl::Status CheckLengths(const ArrowArrayView& view) {
  if (view.length < 0 || view.length > kValuesMax) return TooMany();
  for (int64_t i = 0; i < view.n_children; ++i) {
    AFLUENTE_RETURN_IF_ERROR(CheckLengths(*view.children[i]));
  }
  return absl::OkStatus();
}

// The values of one batch.
class ValueReader {
 public:
  // Counts values that are about to be made.
  absl::Status Take(int64_t count) {
    if (count <= left_) {
      left_ -= count;
      return absl::OkStatus();
    }
    return TooMany();
  }

  absl::StatusOr<Value> Read(const FieldPlan& plan, const ArrowArrayView& view, int64_t row);

 private:
  absl::StatusOr<Value> ReadNested(const FieldPlan& plan, const ArrowArrayView& view, int64_t row);

  int64_t left_ = kValuesMax;
};

absl::StatusOr<Value> ValueReader::ReadNested(const FieldPlan& plan, const ArrowArrayView& view,
                                              int64_t row) {
  Value::List values;
  if (plan.type.kind == TypeKind::kArray) {
    const int64_t begin = ArrowArrayViewListChildOffset(&view, row);
    const int64_t end = ArrowArrayViewListChildOffset(&view, row + 1);
    AFLUENTE_RETURN_IF_ERROR(Take(end - begin));
    for (int64_t i = begin; i < end; ++i) {
      AFLUENTE_ASSIGN_OR_RETURN(Value element, Read(plan.children[0], *view.children[0], i));
      if (element.is_null()) {
        return absl::InvalidArgumentError(Concat("Field ", plan.name, ": an array with a NULL"));
      }
      values.push_back(std::move(element));
    }
    return Value(std::move(values));
  }
  AFLUENTE_RETURN_IF_ERROR(Take(static_cast<int64_t>(plan.children.size())));
  for (const FieldPlan& member : plan.children) {
    values.emplace_back();
    if (member.child == kNone) continue;
    AFLUENTE_ASSIGN_OR_RETURN(values.back(), Read(member, *view.children[member.child], row));
  }
  return Value(std::move(values));
}

absl::StatusOr<Value> ValueReader::Read(const FieldPlan& plan, const ArrowArrayView& view,
                                        int64_t row) {
  if (ArrowArrayViewIsNull(&view, row)) {
    if (plan.type.kind == TypeKind::kArray) return Value(Value::List());
    return Value();
  }
  switch (plan.type.kind) {
    case TypeKind::kBool:
      return Value(ArrowArrayViewGetIntUnsafe(&view, row) != 0);
    case TypeKind::kInt64:
      return Value(ArrowArrayViewGetIntUnsafe(&view, row));
    case TypeKind::kFloat64:
      return Value(ArrowArrayViewGetDoubleUnsafe(&view, row));
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return ReadDecimal(plan, view, row);
    case TypeKind::kBytes: {
      const ArrowBufferView bytes = ArrowArrayViewGetBytesUnsafe(&view, row);
      return Value(std::string(bytes.data.as_char, static_cast<size_t>(bytes.size_bytes)));
    }
    case TypeKind::kArray:
    case TypeKind::kStruct:
    case TypeKind::kRange:
      return ReadNested(plan, view, row);
    default:
      break;
  }
  if (!IsText(plan.storage)) return ReadTime(plan, view, row);
  absl::StatusOr<Value> value = schema::ParseValue(plan.type, TextOf(view, row));
  if (value.ok()) return value;
  return DoesNotFit(plan);
}

// A flatbuffer table of a message whose bounds nanoarrow has verified. It ends the process where a
// union's kind is given without its table, which the verifier lets pass: this finds it before.
class FlatTable {
 public:
  explicit FlatTable(const char* at) : at_(at) {}
  static FlatTable Root(const char* buffer) { return Behind(buffer); }

  bool Has(int field) const { return Slot(field) != nullptr; }
  FlatTable Table(int field) const { return Behind(Slot(field)); }
  // Whether the union of which `field` is the kind lacks its table.
  bool LacksTable(int field) const {
    const char* kind = Slot(field);
    return kind != nullptr && *kind != 0 && !Has(field + 1);
  }
  std::vector<FlatTable> Tables(int field) const {
    std::vector<FlatTable> tables;
    if (!Has(field)) return tables;
    const char* vector = Behind(Slot(field)).at_;
    const auto count = Load<uint32_t>(vector);
    for (uint32_t i = 0; i < count; ++i) tables.push_back(Behind(vector + 4 + 4 * size_t{i}));
    return tables;
  }

 private:
  template <typename Number>
  static Number Load(const char* from) {
    Number number;
    std::memcpy(&number, from, sizeof(number));
    return number;
  }
  static FlatTable Behind(const char* offset) { return FlatTable(offset + Load<uint32_t>(offset)); }
  const char* Slot(int field) const {
    const char* layout = at_ - Load<int32_t>(at_);
    const int place = 4 + 2 * field;
    if (place + 2 > Load<uint16_t>(layout)) return nullptr;
    const auto offset = Load<uint16_t>(layout + place);
    return offset == 0 ? nullptr : at_ + offset;
  }

  const char* at_;
};

// Members of Arrow's Message.fbs and Schema.fbs by their place.
constexpr int kMessageHeaderType = 1, kMessageHeader = 2, kSchemaFields = 1;
constexpr int kFieldTypeType = 2, kFieldChildren = 5;
constexpr int kDepthMax = 64, kFieldsMax = 20'000;  // a field may be the child of several

bool FieldsAreWhole(const std::vector<FlatTable>& fields, int depth, int& left) {
  for (const FlatTable& field : fields) {
    if (depth == 0 || --left < 0 || field.LacksTable(kFieldTypeType) ||
        !FieldsAreWhole(field.Tables(kFieldChildren), depth - 1, left)) {
      return false;
    }
  }
  return true;
}

bool IsWhole(const std::string& message, ArrowIpcMessageType type) {
  const bool marked = message.starts_with("\xff\xff\xff\xff");
  const FlatTable root = FlatTable::Root(message.data() + (marked ? 8 : 4));
  if (root.LacksTable(kMessageHeaderType)) return false;
  if (type != NANOARROW_IPC_MESSAGE_TYPE_SCHEMA || !root.Has(kMessageHeader)) return true;
  int left = kFieldsMax;
  return FieldsAreWhole(root.Table(kMessageHeader).Tables(kSchemaFields), kDepthMax, left);
}

class IpcRows final : public ArrowRows {
 public:
  absl::Status Open(const std::string& schema, const std::vector<schema::Column>& columns,
                    std::vector<std::string>& extra) {
    ArrowError error{};
    if (ArrowIpcDecoderInit(decoder_.get()) != NANOARROW_OK) {
      return absl::ResourceExhaustedError("no memory for a schema");
    }
    AFLUENTE_RETURN_IF_ERROR(Header(schema, NANOARROW_IPC_MESSAGE_TYPE_SCHEMA, "schema"));
    if (ArrowIpcDecoderDecodeSchema(decoder_.get(), schema_.get(), &error) != NANOARROW_OK ||
        ArrowIpcDecoderSetSchema(decoder_.get(), schema_.get(), &error) != NANOARROW_OK) {
      return Wrong("schema", error);
    }
    plans_.resize(columns.size());
    for (int64_t i = 0; i < schema_->n_children; ++i) {
      const ArrowSchema& field = *schema_->children[i];
      const std::string name = field.name == nullptr ? "" : field.name;
      size_t place = 0;
      while (place < columns.size() && !schema::EqualsIgnoreCase(columns[place].name, name)) {
        ++place;
      }
      if (place == columns.size()) {
        extra.push_back(name);
        continue;
      }
      AFLUENTE_ASSIGN_OR_RETURN(plans_[place], PlanOf(field, columns[place].type, name));
      plans_[place].child = static_cast<size_t>(i);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::vector<Value>>> Decode(const std::string& batch) override {
    AFLUENTE_RETURN_IF_ERROR(Header(batch, NANOARROW_IPC_MESSAGE_TYPE_RECORD_BATCH, "rows"));
    const auto header = static_cast<size_t>(decoder_->header_size_bytes);
    const auto body_bytes = static_cast<size_t>(decoder_->body_size_bytes);
    if (header > batch.size() || body_bytes > batch.size() - header) {
      return absl::InvalidArgumentError("Arrow: rows: the message is cut short");
    }
    ArrowError error{};
    ArrowBufferView body;
    body.data.data = batch.data() + header;
    body.size_bytes = static_cast<int64_t>(body_bytes);
    ArrowArrayView* unchecked = nullptr;
    if (ArrowIpcDecoderDecodeArrayView(decoder_.get(), body, -1, &unchecked, &error) !=
        NANOARROW_OK) {
      return Wrong("rows", error);
    }
    AFLUENTE_RETURN_IF_ERROR(CheckLengths(*unchecked));
    nanoarrow::UniqueArray array;
    nanoarrow::UniqueArrayView view;
    if (ArrowIpcDecoderDecodeArray(decoder_.get(), body, -1, array.get(),
                                   NANOARROW_VALIDATION_LEVEL_FULL, &error) != NANOARROW_OK ||
        ArrowArrayViewInitFromSchema(view.get(), schema_.get(), &error) != NANOARROW_OK ||
        ArrowArrayViewSetArray(view.get(), array.get(), &error) != NANOARROW_OK ||
        ArrowArrayViewValidate(view.get(), NANOARROW_VALIDATION_LEVEL_FULL, &error) !=
            NANOARROW_OK) {
      return Wrong("rows", error);
    }
    ValueReader reader;
    std::vector<std::vector<Value>> rows;
    for (int64_t row = 0; row < array->length; ++row) {
      AFLUENTE_RETURN_IF_ERROR(reader.Take(static_cast<int64_t>(plans_.size() + 1)));
      std::vector<Value> values;
      values.reserve(plans_.size());
      for (const FieldPlan& plan : plans_) {
        values.emplace_back();
        if (plan.child == kNone) continue;
        AFLUENTE_ASSIGN_OR_RETURN(values.back(),
                                  reader.Read(plan, *view->children[plan.child], row));
      }
      rows.push_back(std::move(values));
    }
    return rows;
  }

 private:
  absl::Status Header(const std::string& message, ArrowIpcMessageType type, std::string_view what) {
    ArrowError error{};
    ArrowBufferView data;
    data.data.data = message.data();
    data.size_bytes = static_cast<int64_t>(message.size());
    if (ArrowIpcDecoderVerifyHeader(decoder_.get(), data, &error) != NANOARROW_OK) {
      return Wrong(what, error);
    }
    if (decoder_->message_type == type && !IsWhole(message, type)) {
      return absl::InvalidArgumentError(Concat("Arrow: ", what, ": a type without its members"));
    }
    if (decoder_->message_type == type) {
      if (ArrowIpcDecoderDecodeHeader(decoder_.get(), data, &error) != NANOARROW_OK) {
        return Wrong(what, error);
      }
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(Concat("Arrow: ", what, ": a message of another kind"));
  }

  nanoarrow::ipc::UniqueDecoder decoder_;
  nanoarrow::UniqueSchema schema_;
  std::vector<FieldPlan> plans_;  // by column
};

}  // namespace

absl::StatusOr<std::unique_ptr<ArrowRows>> ArrowRows::Create(
    const std::string& schema, const std::vector<schema::Column>& columns,
    std::vector<std::string>& extra) {
  auto rows = std::make_unique<IpcRows>();
  AFLUENTE_RETURN_IF_ERROR(rows->Open(schema, columns, extra));
  return std::unique_ptr<ArrowRows>(std::move(rows));
}

}  // namespace afluente::warehouse::arrow
