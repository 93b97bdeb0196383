#include "warehouse/jobs/avro_records.h"

#include <zlib.h>

#include <deque>
#include <map>

#include "schema/message/avro_definition.h"
#include "schema/message/avro_reader.h"
#include "schema/text.h"
#include "warehouse/jobs/block_reader.h"
#include "warehouse/jobs/json_fields.h"

namespace afluente::warehouse::jobs {
namespace {

namespace avro = schema::avro;
using schema::Concat;
using schema::Type;
using schema::TypeKind;

constexpr uint64_t kHeaderMax = 16 << 20;
constexpr uint64_t kBlockMax = 256 << 20;
constexpr size_t kSyncBytes = 16;

absl::Status Damaged(std::string_view what) {
  return absl::InvalidArgumentError(Concat("The Apache Avro file is invalid: ", what));
}

Type Scalar(TypeKind kind) {
  Type type;
  type.kind = kind;
  return type;
}

Type OfLogical(const avro::Type& type, TypeKind otherwise) {
  switch (type.logical) {
    case avro::Logical::kDecimal:
      return Scalar(type.scale <= 9 ? TypeKind::kNumeric : TypeKind::kBigNumeric);
    case avro::Logical::kDate:
      return Scalar(TypeKind::kDate);
    case avro::Logical::kTimeMillis:
    case avro::Logical::kTimeMicros:
      return Scalar(TypeKind::kTime);
    case avro::Logical::kTimestampMillis:
    case avro::Logical::kTimestampMicros:
      return Scalar(TypeKind::kTimestamp);
    case avro::Logical::kLocalTimestampMillis:
    case avro::Logical::kLocalTimestampMicros:
      return Scalar(TypeKind::kDatetime);
    case avro::Logical::kNone:
      return Scalar(otherwise);
  }
  return Scalar(otherwise);
}

// A union with null is what may be NULL; `nullable` says so.
absl::StatusOr<Type> ToType(const avro::Type& type, const std::string& path, bool& nullable,
                            int depth) {
  if (depth > 15) return absl::InvalidArgumentError(Concat(path, " is nested too deep"));
  bool inner = false;
  switch (type.kind) {
    case avro::Kind::kBoolean:
      return Scalar(TypeKind::kBool);
    case avro::Kind::kInt:
    case avro::Kind::kLong:
      return OfLogical(type, TypeKind::kInt64);
    case avro::Kind::kFloat:
    case avro::Kind::kDouble:
      return Scalar(TypeKind::kFloat64);
    case avro::Kind::kBytes:
    case avro::Kind::kFixed:
      return OfLogical(type, TypeKind::kBytes);
    case avro::Kind::kString:
    case avro::Kind::kEnum:
      return Scalar(TypeKind::kString);
    case avro::Kind::kArray: {
      AFLUENTE_ASSIGN_OR_RETURN(Type element, ToType(*type.items, path, inner, depth + 1));
      if (element.kind == TypeKind::kArray) {
        return absl::InvalidArgumentError(Concat(path, " is an array of arrays"));
      }
      return Type::Array(std::move(element));
    }
    case avro::Kind::kRecord: {
      std::vector<schema::Field> fields;
      for (const avro::Field& field : type.fields) {
        AFLUENTE_ASSIGN_OR_RETURN(
            Type member, ToType(*field.type, Concat(path, ".", field.name), inner, depth + 1));
        fields.push_back({field.name, std::move(member)});
      }
      return Type::Struct(std::move(fields));
    }
    case avro::Kind::kUnion: {
      const avro::Type* only = nullptr;
      for (const avro::Type* branch : type.branches) {
        if (branch->kind == avro::Kind::kNull) {
          nullable = true;
        } else if (only != nullptr) {
          return absl::UnimplementedError(
              Concat("field ", path, ": a union of several types is not supported"));
        } else {
          only = branch;
        }
      }
      if (only == nullptr) return Scalar(TypeKind::kString);
      return ToType(*only, path, inner, depth + 1);
    }
    case avro::Kind::kMap:
      return absl::UnimplementedError(Concat("field ", path, ": a map is not supported"));
    case avro::Kind::kNull:
      nullable = true;
      return Scalar(TypeKind::kString);
  }
  return absl::InternalError("an Avro type");
}

// Without useAvroLogicalTypes BigQuery takes what the bytes are.
void DropLogicalTypes(json& schema) {
  if (schema.is_object()) schema.erase("logicalType");
  if (!schema.is_structured()) return;
  for (json& member : schema) DropLogicalTypes(member);
}

std::optional<std::string> Inflate(std::string_view packed) {
  z_stream stream{};
  if (inflateInit2(&stream, -15) != Z_OK) return std::nullopt;
  std::string out;
  std::string piece(1 << 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int state = Z_OK;
  while (state == Z_OK && out.size() <= kBlockMax) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(piece, 0, piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) return std::nullopt;
  return out;
}

void PutLong(std::string& out, int64_t value) {
  uint64_t bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; bits > 0x7f; bits >>= 7) out += static_cast<char>((bits & 0x7f) | 0x80);
  out += static_cast<char>(bits);
}

// The objects of a JSON array, as their texts.
std::deque<std::string> SplitObjects(std::string_view array) {
  std::deque<std::string> objects;
  int depth = 0;
  bool quoted = false;
  size_t from = 0;
  for (size_t i = 0; i < array.size(); ++i) {
    const char c = array[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') {
      if (++depth == 2) from = i;
    }
    if (c == '}' || c == ']') {
      if (--depth == 1) objects.emplace_back(array.substr(from, i + 1 - from));
    }
  }
  return objects;
}

class AvroRecords final : public RecordReader {
 public:
  explicit AvroRecords(const host::File& file) : bytes_(file) {}

  absl::Status Open(bool logical_types) {
    AFLUENTE_RETURN_IF_ERROR(ReadHeader());
    json schema = ParseJson(schema_text_);
    if (schema.is_discarded()) return Damaged("its schema is no JSON");
    if (!logical_types) DropLogicalTypes(schema);
    auto own = avro::Definition::Parse(Dump(schema));
    if (!own.ok()) return Damaged(std::string(own.status().message()));
    if ((*own)->root().kind != avro::Kind::kRecord) return Damaged("its schema is no record");
    for (const avro::Field& field : (*own)->root().fields) {
      bool nullable = false;
      AFLUENTE_ASSIGN_OR_RETURN(Type type, ToType(*field.type, field.name, nullable, 1));
      const bool required = !nullable && type.kind != TypeKind::kArray;
      columns_.push_back({field.name, std::move(type),
                          required ? schema::Mode::kRequired : schema::Mode::kNullable, ""});
    }
    const json block = {{"type", "array"}, {"items", schema}};
    AFLUENTE_ASSIGN_OR_RETURN(block_, avro::Definition::Parse(Dump(block)));
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<RawRow>> Next() override {
    while (rows_.empty()) {
      AFLUENTE_ASSIGN_OR_RETURN(const bool more, ReadBlock());
      if (!more) return std::optional<RawRow>();
    }
    RawRow row;
    row.at = bytes_.position();
    row.json = std::move(rows_.front());
    rows_.pop_front();
    return std::optional<RawRow>(std::move(row));
  }

  absl::Status Rewind() override {
    bytes_.Rewind();
    rows_.clear();
    return ReadHeader();
  }
  const std::vector<schema::Column>& columns() const override { return columns_; }

 private:
  absl::StatusOr<int64_t> TakeLong() {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string_view at_hand, bytes_.Peek(10));
    uint64_t bits = 0;
    for (size_t i = 0; i < at_hand.size() && i < 10; ++i) {
      const auto byte = static_cast<unsigned char>(at_hand[i]);
      bits |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if ((byte & 0x80) != 0) continue;
      bytes_.Skip(i + 1);
      return static_cast<int64_t>((bits >> 1) ^ (0 - (bits & 1)));
    }
    return Damaged("it ends within a number");
  }

  absl::StatusOr<std::string> TakeBytes(uint64_t size, uint64_t most) {
    if (size > most) return Damaged("a block is too large");
    AFLUENTE_ASSIGN_OR_RETURN(const std::string_view at_hand, bytes_.Peek(size));
    if (at_hand.size() < size) return Damaged("it ends within a block");
    std::string taken(at_hand.substr(0, size));
    bytes_.Skip(size);
    return taken;
  }

  absl::StatusOr<std::string> TakeSized() {
    AFLUENTE_ASSIGN_OR_RETURN(const int64_t size, TakeLong());
    if (size < 0) return Damaged("a negative length");
    return TakeBytes(static_cast<uint64_t>(size), kHeaderMax);
  }

  absl::Status ReadHeader() {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string magic, TakeBytes(4, 4));
    if (magic != std::string("Obj\x01", 4)) return Damaged("it does not start as one");
    std::string codec = "null";
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(int64_t count, TakeLong());
      if (count == 0) break;
      if (count < 0) {
        AFLUENTE_RETURN_IF_ERROR(TakeLong().status());
        count = -count;
      }
      if (count < 0 || count > 10'000) return Damaged("its header is too large");
      for (; count > 0; --count) {
        AFLUENTE_ASSIGN_OR_RETURN(const std::string key, TakeSized());
        AFLUENTE_ASSIGN_OR_RETURN(std::string value, TakeSized());
        if (key == "avro.schema") schema_text_ = std::move(value);
        if (key == "avro.codec") codec = std::move(value);
      }
    }
    if (codec != "null" && codec != "deflate") {
      return absl::UnimplementedError(Concat("Avro codec ", codec, " is not supported"));
    }
    deflate_ = codec == "deflate";
    AFLUENTE_ASSIGN_OR_RETURN(sync_, TakeBytes(kSyncBytes, kSyncBytes));
    return absl::OkStatus();
  }

  absl::StatusOr<bool> ReadBlock() {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string_view at_hand, bytes_.Peek(1));
    if (at_hand.empty()) return false;
    AFLUENTE_ASSIGN_OR_RETURN(const int64_t count, TakeLong());
    AFLUENTE_ASSIGN_OR_RETURN(const int64_t size, TakeLong());
    if (count < 0 || size < 0) return Damaged("a negative length");
    AFLUENTE_ASSIGN_OR_RETURN(std::string bytes, TakeBytes(static_cast<uint64_t>(size), kBlockMax));
    AFLUENTE_ASSIGN_OR_RETURN(const std::string sync, TakeBytes(kSyncBytes, kSyncBytes));
    if (sync != sync_) return Damaged("a block does not end with the file's mark");
    if (deflate_) {
      std::optional<std::string> plain = Inflate(bytes);
      if (!plain) return Damaged("a block does not inflate");
      bytes = *std::move(plain);
    }
    // A block is an Avro array without its ends.
    std::string array;
    if (count > 0) PutLong(array, count);
    array += bytes;
    PutLong(array, 0);
    std::string text;
    avro::Reading reading(array.size(), &text);
    if (!avro::ReadBinary(block_->root(), array, reading)) {
      return Damaged(reading.problem().Text());
    }
    rows_ = SplitObjects(text);
    return true;
  }

  BlockReader bytes_;
  std::string schema_text_;
  std::string sync_;
  bool deflate_ = false;
  std::vector<schema::Column> columns_;
  std::unique_ptr<avro::Definition> block_;
  std::deque<std::string> rows_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RecordReader>> ReadAvro(const host::File& file,
                                                       const FileOptions& options) {
  auto reader = std::make_unique<AvroRecords>(file);
  AFLUENTE_RETURN_IF_ERROR(reader->Open(options.logical_types));
  return reader;
}

}  // namespace afluente::warehouse::jobs
