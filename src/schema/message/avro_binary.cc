#include <bit>
#include <cstring>
#include <limits>

#include "schema/message/avro_reader.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "schema/utf8.h"

namespace afluente::schema::avro {
namespace {

class BinaryReader {
 public:
  BinaryReader(std::string_view data, Reading& reading) : rest_(data), reading_(reading) {}

  bool Read(const Type& type, int depth);
  bool at_end() const { return rest_.empty(); }

 private:
  bool Fail(std::string what) { return reading_.problem().Fail(std::move(what)); }
  bool CutShort(const Type& type) { return Fail(Concat("the data ends within a ", type.name)); }
  bool ReadVarint(const Type& type, int64_t* value);
  bool ReadSpan(const Type& type, uint64_t size, std::string_view* span);
  bool ReadSized(const Type& type, std::string_view* span);
  bool ReadInteger(const Type& type);
  bool ReadFloating(const Type& type);
  bool ReadString(const Type& type, bool is_key);
  bool ReadRecord(const Type& type, int depth);
  bool ReadEnum(const Type& type);
  bool ReadBlocks(const Type& type, int depth);
  bool ReadUnion(const Type& type, int depth);

  std::string_view rest_;
  Reading& reading_;
};

bool BinaryReader::ReadVarint(const Type& type, int64_t* value) {
  uint64_t zigzag = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (rest_.empty()) return CutShort(type);
    uint64_t byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) break;
    zigzag |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      *value = static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
      return true;
    }
  }
  return Fail("a number of more than 64 bits");
}

bool BinaryReader::ReadSpan(const Type& type, uint64_t size, std::string_view* span) {
  if (size > rest_.size()) return CutShort(type);
  *span = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool BinaryReader::ReadSized(const Type& type, std::string_view* span) {
  int64_t size;
  if (!ReadVarint(type, &size)) return false;
  if (size < 0) return Fail(Concat("a ", type.name, " of ", size, " bytes"));
  return ReadSpan(type, static_cast<uint64_t>(size), span);
}

bool BinaryReader::ReadInteger(const Type& type) {
  int64_t value;
  if (!ReadVarint(type, &value)) return false;
  if (type.kind == Kind::kInt && (value < std::numeric_limits<int32_t>::min() ||
                                  value > std::numeric_limits<int32_t>::max())) {
    return Fail(Concat("expected int, found ", value));
  }
  if (reading_.out() != nullptr) AppendInteger(*reading_.out(), type, value);
  return true;
}

bool BinaryReader::ReadFloating(const Type& type) {
  static_assert(std::endian::native == std::endian::little);
  std::string_view span;
  if (!ReadSpan(type, type.kind == Kind::kFloat ? 4 : 8, &span)) return false;
  double value = 0;
  if (type.kind == Kind::kFloat) {
    float narrow;
    std::memcpy(&narrow, span.data(), sizeof(narrow));
    value = narrow;
  } else {
    std::memcpy(&value, span.data(), sizeof(value));
  }
  if (reading_.out() != nullptr) AppendDouble(*reading_.out(), value);
  return true;
}

bool BinaryReader::ReadString(const Type& type, bool is_key) {
  std::string_view text;
  if (!ReadSized(type, &text)) return false;
  if (!IsUtf8(text)) return Fail(Concat("not UTF-8: ", QuoteForMessage(text)));
  reading_.WriteString(text);
  if (is_key) reading_.Write(":");
  return true;
}

bool BinaryReader::ReadRecord(const Type& type, int depth) {
  reading_.Write("{");
  for (const Field& field : type.fields) {
    if (&field != &type.fields.front()) reading_.Write(",");
    reading_.WriteString(field.name);
    reading_.Write(":");
    if (!Read(*field.type, depth + 1)) return reading_.problem().AtField(field.name);
  }
  reading_.Write("}");
  return true;
}

bool BinaryReader::ReadEnum(const Type& type) {
  int64_t place;
  if (!ReadVarint(type, &place)) return false;
  if (place < 0 || static_cast<uint64_t>(place) >= type.symbols.size()) {
    return Fail(Concat("the enum ", type.name, " has no symbol number ", place));
  }
  reading_.WriteString(type.symbols[static_cast<size_t>(place)]);
  return true;
}

bool BinaryReader::ReadBlocks(const Type& type, int depth) {
  bool is_map = type.kind == Kind::kMap;
  reading_.Write(is_map ? "{" : "[");
  size_t index = 0;
  for (;;) {
    int64_t count;
    if (!ReadVarint(type, &count)) return false;
    if (count == 0) break;
    if (count < 0) {
      // The block's bytes, for readers that skip it.
      int64_t ignored;
      if (count == std::numeric_limits<int64_t>::min() || !ReadVarint(type, &ignored)) {
        return Fail(Concat("a block of an ", type.name, " without its size"));
      }
      count = -count;
    }
    for (; count > 0; --count, ++index) {
      if (index > 0) reading_.Write(",");
      if ((is_map && !ReadString(type, true)) || !Read(*type.items, depth + 1)) {
        return reading_.problem().AtIndex(index);
      }
    }
  }
  reading_.Write(is_map ? "}" : "]");
  return true;
}

bool BinaryReader::ReadUnion(const Type& type, int depth) {
  int64_t branch;
  if (!ReadVarint(type, &branch)) return false;
  if (branch < 0 || static_cast<uint64_t>(branch) >= type.branches.size()) {
    return Fail(Concat("the union has no branch number ", branch));
  }
  return Read(*type.branches[static_cast<size_t>(branch)], depth + 1);
}

bool BinaryReader::Read(const Type& type, int depth) {
  if (!reading_.Visit(depth)) return false;
  std::string_view span;
  switch (type.kind) {
    case Kind::kNull:
      reading_.Write("null");
      return true;
    case Kind::kBoolean:
      if (!ReadSpan(type, 1, &span)) return false;
      if (span.front() != 0 && span.front() != 1) {
        return Fail(Concat("expected boolean, found the byte ", int{span.front()}));
      }
      reading_.Write(span.front() == 1 ? "true" : "false");
      return true;
    case Kind::kInt:
    case Kind::kLong:
      return ReadInteger(type);
    case Kind::kFloat:
    case Kind::kDouble:
      return ReadFloating(type);
    case Kind::kString:
      return ReadString(type, false);
    case Kind::kBytes:
    case Kind::kFixed:
      if (type.kind == Kind::kBytes ? !ReadSized(type, &span) : !ReadSpan(type, type.size, &span)) {
        return false;
      }
      if (reading_.out() != nullptr) AppendBytes(*reading_.out(), type, span);
      return true;
    case Kind::kRecord:
      return ReadRecord(type, depth);
    case Kind::kEnum:
      return ReadEnum(type);
    case Kind::kArray:
    case Kind::kMap:
      return ReadBlocks(type, depth);
    case Kind::kUnion:
      return ReadUnion(type, depth);
  }
  return false;
}

}  // namespace

bool ReadBinary(const Type& type, std::string_view data, Reading& reading) {
  BinaryReader reader(data, reading);
  if (!reader.Read(type, 0)) return false;
  return reader.at_end() || reading.problem().Fail("too much data for the schema");
}

}  // namespace afluente::schema::avro
