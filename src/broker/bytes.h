#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace afluente::broker {

// Writes the integers and strings of docs/formats/broker-records.md.
class ByteWriter {
 public:
  explicit ByteWriter(size_t reserve = 0) { bytes_.reserve(reserve); }
  void Byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void Fixed32(uint32_t value);
  void Fixed64(uint64_t value);
  void Varint(uint64_t value);
  void String(std::string_view value) {
    Varint(value.size());
    bytes_.append(value);
  }
  void Bytes(std::string_view value) { bytes_.append(value); }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

void PutFixed64(uint64_t value, char* to);

// Reads them back from bytes that may be hostile: after the first fault every read gives zero or
// empty, and ok() is false.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  uint8_t Byte();
  uint32_t Fixed32();
  uint64_t Fixed64();
  uint64_t Varint();
  std::string_view String();
  // A number of items that each take at least one byte, so that it bounds what is reserved.
  size_t Count();
  std::string_view rest() const { return bytes_; }
  bool ok() const { return ok_; }
  void Fail() { ok_ = false; }
  bool done() const { return ok_ && bytes_.empty(); }

 private:
  bool Need(size_t size);
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace afluente::broker
