#include "broker/bytes.h"

namespace afluente::broker {

void PutFixed64(uint64_t value, char* to) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

void ByteWriter::Fixed32(uint32_t value) {
  for (int i = 0; i < 4; ++i) Byte(static_cast<uint8_t>(value >> (8 * i)));
}

void ByteWriter::Fixed64(uint64_t value) {
  char bytes[8];
  PutFixed64(value, bytes);
  bytes_.append(bytes, 8);
}

void ByteWriter::Varint(uint64_t value) {
  while (value >= 0x80) {
    Byte(static_cast<uint8_t>(value) | 0x80);
    value >>= 7;
  }
  Byte(static_cast<uint8_t>(value));
}

bool ByteReader::Need(size_t size) {
  if (ok_ && bytes_.size() >= size) return true;
  ok_ = false;
  return false;
}

uint8_t ByteReader::Byte() {
  if (!Need(1)) return 0;
  auto value = static_cast<uint8_t>(bytes_[0]);
  bytes_.remove_prefix(1);
  return value;
}

uint32_t ByteReader::Fixed32() {
  if (!Need(4)) return 0;
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes_[i]);
  bytes_.remove_prefix(4);
  return value;
}

uint64_t ByteReader::Fixed64() {
  if (!Need(8)) return 0;
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes_[i]);
  bytes_.remove_prefix(8);
  return value;
}

uint64_t ByteReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint64_t byte = Byte();
    if (!ok_ || (shift == 63 && byte > 1)) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  ok_ = false;
  return 0;
}

std::string_view ByteReader::String() {
  uint64_t size = Varint();
  if (!ok_ || size > bytes_.size()) {
    ok_ = false;
    return {};
  }
  std::string_view value = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return value;
}

size_t ByteReader::Count() {
  uint64_t count = Varint();
  if (!ok_ || count > bytes_.size()) {
    ok_ = false;
    return 0;
  }
  return count;
}

}  // namespace afluente::broker
