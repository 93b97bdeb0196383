#include "warehouse/arrow/arrow_stream.h"

#include <nanoarrow/nanoarrow.h>
#include <nanoarrow/nanoarrow_ipc.h>

#include <algorithm>

#include "host/check.h"
#include "schema/interval.h"
#include "schema/text.h"

namespace afluente::warehouse::arrow {
namespace {

using schema::Concat;
using schema::TypeKind;

// Decimals are kept as whole numbers of their last digit (schema/decimal.h).
constexpr int kNumericDigits = 38;
constexpr int kNumericScale = 9;
constexpr int kBigNumericDigits = 76;
constexpr int kBigNumericScale = 38;

absl::Status Check(ArrowErrorCode code, std::string_view what) {
  if (code == NANOARROW_OK) return absl::OkStatus();
  return absl::InternalError(Concat("Arrow: ", what, ": error ", code));
}

absl::Status FillSchema(const schema::Type& type, const std::string& name, ArrowSchema* out);

absl::Status FillNested(const schema::Type& type, ArrowSchema* out) {
  if (type.kind == TypeKind::kArray) {
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowSchemaSetType(out, NANOARROW_TYPE_LIST), "list"));
    return FillSchema(type.element(), "item", out->children[0]);
  }
  if (type.kind == TypeKind::kRange) {
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowSchemaSetTypeStruct(out, 2), "range"));
    AFLUENTE_RETURN_IF_ERROR(FillSchema(type.element(), "start", out->children[0]));
    return FillSchema(type.element(), "end", out->children[1]);
  }
  AFLUENTE_RETURN_IF_ERROR(
      Check(ArrowSchemaSetTypeStruct(out, static_cast<int64_t>(type.fields.size())), "struct"));
  for (size_t i = 0; i < type.fields.size(); ++i) {
    AFLUENTE_RETURN_IF_ERROR(
        FillSchema(type.fields[i].type, type.fields[i].name, out->children[i]));
  }
  return absl::OkStatus();
}

ArrowErrorCode SetJson(ArrowSchema* out) {
  NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(out, NANOARROW_TYPE_STRING));
  ArrowBuffer metadata;
  NANOARROW_RETURN_NOT_OK(ArrowMetadataBuilderInit(&metadata, nullptr));
  ArrowErrorCode code = ArrowMetadataBuilderAppend(&metadata, ArrowCharView("ARROW:extension:name"),
                                                   ArrowCharView("arrow.json"));
  if (code == NANOARROW_OK) {
    code = ArrowMetadataBuilderAppend(&metadata, ArrowCharView("ARROW:extension:metadata"),
                                      ArrowCharView(""));
  }
  if (code == NANOARROW_OK) {
    code = ArrowSchemaSetMetadata(out, reinterpret_cast<const char*>(metadata.data));
  }
  ArrowBufferReset(&metadata);
  return code;
}

ArrowErrorCode SetScalar(TypeKind kind, ArrowSchema* out) {
  switch (kind) {
    case TypeKind::kBool:
      return ArrowSchemaSetType(out, NANOARROW_TYPE_BOOL);
    case TypeKind::kFloat64:
      return ArrowSchemaSetType(out, NANOARROW_TYPE_DOUBLE);
    case TypeKind::kNumeric:
      return ArrowSchemaSetTypeDecimal(out, NANOARROW_TYPE_DECIMAL128, kNumericDigits,
                                       kNumericScale);
    case TypeKind::kBigNumeric:
      return ArrowSchemaSetTypeDecimal(out, NANOARROW_TYPE_DECIMAL256, kBigNumericDigits,
                                       kBigNumericScale);
    case TypeKind::kString:
      return ArrowSchemaSetType(out, NANOARROW_TYPE_STRING);
    case TypeKind::kBytes:
      return ArrowSchemaSetType(out, NANOARROW_TYPE_BINARY);
    case TypeKind::kJson:
      return SetJson(out);
    case TypeKind::kInterval:
      return ArrowSchemaSetType(out, NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO);
    case TypeKind::kDate:
      return ArrowSchemaSetType(out, NANOARROW_TYPE_DATE32);
    case TypeKind::kTime:
      return ArrowSchemaSetTypeDateTime(out, NANOARROW_TYPE_TIME64, NANOARROW_TIME_UNIT_MICRO,
                                        nullptr);
    case TypeKind::kDatetime:
      return ArrowSchemaSetTypeDateTime(out, NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO,
                                        "");
    case TypeKind::kTimestamp:
      return ArrowSchemaSetTypeDateTime(out, NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO,
                                        "UTC");
    default:
      return ArrowSchemaSetType(out, NANOARROW_TYPE_INT64);
  }
}

// `out` is initialised already.
absl::Status FillSchema(const schema::Type& type, const std::string& name, ArrowSchema* out) {
  const bool nested = type.kind == TypeKind::kArray || type.kind == TypeKind::kStruct ||
                      type.kind == TypeKind::kRange;
  AFLUENTE_RETURN_IF_ERROR(nested ? FillNested(type, out)
                                  : Check(SetScalar(type.kind, out), type.ToString()));
  return Check(ArrowSchemaSetName(out, name.c_str()), "name");
}

// "12.5" with scale 3 -> "12500".
std::string WithoutPoint(std::string_view text, size_t scale) {
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  digits += fraction;
  digits.append(scale - std::min(scale, fraction.size()), '0');
  return digits;
}

absl::Status AppendDecimal(std::string_view text, int bits, int digits, int scale,
                           ArrowArray* out) {
  ArrowDecimal decimal;
  ArrowDecimalInit(&decimal, bits, digits, scale);
  const std::string whole = WithoutPoint(text, static_cast<size_t>(scale));
  const ArrowStringView view{whole.data(), static_cast<int64_t>(whole.size())};
  // BIGNUMERIC's largest values have one digit more than decimal256 promises, which fits its bits.
  AFLUENTE_RETURN_IF_ERROR(Check(ArrowDecimalSetDigits(&decimal, view), "a decimal's digits"));
  return Check(ArrowArrayAppendDecimal(out, &decimal), "a decimal");
}

absl::Status AppendValue(const ColumnVector& column, size_t row, ArrowArray* out);

absl::Status AppendNested(const ColumnVector& column, size_t row, ArrowArray* out) {
  if (column.type.kind == TypeKind::kArray) {
    for (size_t i = column.offsets[row]; i < column.offsets[row + 1]; ++i) {
      AFLUENTE_RETURN_IF_ERROR(AppendValue(column.children[0], i, out->children[0]));
    }
  } else {
    for (size_t i = 0; i < column.children.size(); ++i) {
      AFLUENTE_RETURN_IF_ERROR(AppendValue(column.children[i], row, out->children[i]));
    }
  }
  return Check(ArrowArrayFinishElement(out), "an element");
}

absl::Status AppendInterval(std::string_view text, ArrowArray* out) {
  const schema::Interval value = schema::ParseInterval(text).value_or(schema::Interval());
  ArrowInterval interval;
  ArrowIntervalInit(&interval, NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO);
  interval.months = static_cast<int32_t>(value.months);
  interval.days = static_cast<int32_t>(value.days);
  interval.ns = value.micros * 1000;
  return Check(ArrowArrayAppendInterval(out, &interval), "an INTERVAL");
}

absl::Status AppendValue(const ColumnVector& column, size_t row, ArrowArray* out) {
  if (column.IsNull(row)) return Check(ArrowArrayAppendNull(out, 1), "a NULL");
  switch (column.type.kind) {
    case TypeKind::kArray:
    case TypeKind::kStruct:
    case TypeKind::kRange:
      return AppendNested(column, row, out);
    case TypeKind::kInterval:
      return AppendInterval(column.Bytes(row), out);
    case TypeKind::kFloat64:
      return Check(ArrowArrayAppendDouble(out, column.doubles[row]), "a FLOAT64");
    case TypeKind::kNumeric:
      return AppendDecimal(column.Bytes(row), 128, kNumericDigits, kNumericScale, out);
    case TypeKind::kBigNumeric:
      return AppendDecimal(column.Bytes(row), 256, kBigNumericDigits, kBigNumericScale, out);
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kBytes: {
      const std::string_view bytes = column.Bytes(row);
      ArrowBufferView view;
      view.data.data = bytes.data();
      view.size_bytes = static_cast<int64_t>(bytes.size());
      return Check(ArrowArrayAppendBytes(out, view), "bytes");
    }
    default:
      return Check(ArrowArrayAppendInt(out, column.ints[row]), "a number");
  }
}

class NanoarrowStream final : public ArrowStream {
 public:
  NanoarrowStream() {
    schema_.release = nullptr;
    writer_.private_data = nullptr;
    ArrowBufferInit(&buffer_);
  }
  ~NanoarrowStream() override {
    if (writer_.private_data != nullptr) ArrowIpcWriterReset(&writer_);
    if (schema_.release != nullptr) schema_.release(&schema_);
    ArrowBufferReset(&buffer_);
  }
  NanoarrowStream(const NanoarrowStream&) = delete;
  NanoarrowStream& operator=(const NanoarrowStream&) = delete;

  absl::Status Start(const std::vector<schema::Column>& columns) {
    ArrowSchemaInit(&schema_);
    AFLUENTE_RETURN_IF_ERROR(
        Check(ArrowSchemaSetTypeStruct(&schema_, static_cast<int64_t>(columns.size())), "schema"));
    for (size_t i = 0; i < columns.size(); ++i) {
      AFLUENTE_RETURN_IF_ERROR(FillSchema(columns[i].type, columns[i].name, schema_.children[i]));
      if (columns[i].mode == schema::Mode::kRequired) {
        schema_.children[i]->flags &= ~ARROW_FLAG_NULLABLE;
      }
    }
    ArrowIpcOutputStream sink;
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowIpcOutputStreamInitBuffer(&sink, &buffer_), "sink"));
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowIpcWriterInit(&writer_, &sink), "writer"));
    return Check(ArrowIpcWriterWriteSchema(&writer_, &schema_, nullptr), "schema");
  }

  absl::Status Append(const ColumnBatch& batch) override {
    if (batch.columns.size() != static_cast<size_t>(schema_.n_children)) {
      return absl::InvalidArgumentError("the batch has other columns than the stream");
    }
    ArrowArray array;
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowArrayInitFromSchema(&array, &schema_, nullptr), "array"));
    const absl::Status status = Write(batch, &array);
    array.release(&array);
    return status;
  }

  size_t bytes() const override { return static_cast<size_t>(buffer_.size_bytes); }

  std::string Take() override {
    std::string taken(reinterpret_cast<const char*>(buffer_.data), bytes());
    // It keeps its memory for the next message.
    buffer_.size_bytes = 0;
    return taken;
  }

  absl::StatusOr<std::string> Finish() override {
    AFLUENTE_RETURN_IF_ERROR(
        Check(ArrowIpcWriterWriteArrayView(&writer_, nullptr, nullptr), "end of stream"));
    return std::string(reinterpret_cast<const char*>(buffer_.data), bytes());
  }

 private:
  absl::Status Write(const ColumnBatch& batch, ArrowArray* array) {
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowArrayStartAppending(array), "array"));
    for (size_t i = 0; i < batch.columns.size(); ++i) {
      for (size_t row = 0; row < batch.rows; ++row) {
        AFLUENTE_RETURN_IF_ERROR(AppendValue(batch.columns[i], row, array->children[i]));
      }
    }
    array->length = static_cast<int64_t>(batch.rows);
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowArrayFinishBuildingDefault(array, nullptr), "array"));
    ArrowArrayView view;
    AFLUENTE_RETURN_IF_ERROR(Check(ArrowArrayViewInitFromSchema(&view, &schema_, nullptr), "view"));
    absl::Status status = Check(ArrowArrayViewSetArray(&view, array, nullptr), "view");
    if (status.ok()) {
      status = Check(ArrowIpcWriterWriteArrayView(&writer_, &view, nullptr), "record batch");
    }
    ArrowArrayViewReset(&view);
    return status;
  }

  ArrowSchema schema_;
  ArrowIpcWriter writer_;
  ArrowBuffer buffer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ArrowStream>> ArrowStream::Create(
    const std::vector<schema::Column>& columns) {
  auto stream = std::make_unique<NanoarrowStream>();
  AFLUENTE_RETURN_IF_ERROR(stream->Start(columns));
  return std::unique_ptr<ArrowStream>(std::move(stream));
}

}  // namespace afluente::warehouse::arrow
