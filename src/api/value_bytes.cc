#include "api/value_bytes.h"

#include <bit>
#include <utility>

namespace afluente::api {
namespace {

constexpr int kDepthMax = 16;

std::optional<std::string> TakeText(std::string_view& bytes) {
  const auto size = TakeNumber(bytes);
  if (!size.has_value() || *size > bytes.size()) return std::nullopt;
  std::string text(bytes.substr(0, *size));
  bytes.remove_prefix(*size);
  return text;
}

std::optional<schema::Value> TakeAtDepth(std::string_view& bytes, int depth);

std::optional<schema::Value> TakeList(std::string_view& bytes, int depth) {
  const auto count = TakeNumber(bytes);
  if (!count.has_value() || *count > bytes.size() || depth >= kDepthMax) return std::nullopt;
  schema::Value::List list;
  for (uint64_t i = 0; i < *count; ++i) {
    auto item = TakeAtDepth(bytes, depth + 1);
    if (!item.has_value()) return std::nullopt;
    list.push_back(*std::move(item));
  }
  return schema::Value(std::move(list));
}

// The first byte is the alternative's index.
std::optional<schema::Value> TakeAtDepth(std::string_view& bytes, int depth) {
  if (bytes.empty()) return std::nullopt;
  const char kind = bytes.front();
  bytes.remove_prefix(1);
  switch (kind) {
    case 0:
      return schema::Value();
    case 1:
    case 2:
    case 3: {
      const auto number = TakeNumber(bytes);
      if (!number.has_value()) return std::nullopt;
      if (kind == 1) return schema::Value(*number != 0);
      if (kind == 2) return schema::Value(static_cast<int64_t>(*number));
      return schema::Value(std::bit_cast<double>(*number));
    }
    case 4: {
      auto text = TakeText(bytes);
      if (!text.has_value()) return std::nullopt;
      return schema::Value(*std::move(text));
    }
    case 5:
      return TakeList(bytes, depth);
    default:
      return std::nullopt;
  }
}

}  // namespace

void AppendNumberBytes(std::string& out, uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

std::optional<uint64_t> TakeNumber(std::string_view& bytes) {
  if (bytes.size() < 8) return std::nullopt;
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(8);
  return number;
}

void AppendTextBytes(std::string& out, std::string_view text) {
  AppendNumberBytes(out, text.size());
  out += text;
}

void AppendValueBytes(std::string& out, const schema::Value& value) {
  out += static_cast<char>(value.data.index());
  if (const auto* truth = std::get_if<bool>(&value.data)) AppendNumberBytes(out, *truth ? 1 : 0);
  if (const auto* number = std::get_if<int64_t>(&value.data)) {
    AppendNumberBytes(out, static_cast<uint64_t>(*number));
  }
  if (const auto* number = std::get_if<double>(&value.data)) {
    AppendNumberBytes(out, std::bit_cast<uint64_t>(*number));
  }
  if (const auto* text = std::get_if<std::string>(&value.data)) AppendTextBytes(out, *text);
  const auto* list = std::get_if<schema::Value::List>(&value.data);
  if (list == nullptr) return;
  AppendNumberBytes(out, list->size());
  for (const schema::Value& item : *list) AppendValueBytes(out, item);
}

std::optional<schema::Value> TakeValue(std::string_view& bytes) { return TakeAtDepth(bytes, 0); }

std::string UrlBase64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) text += kDigits[bits >> (held - 6) & 63];
  }
  if (held > 0) text += kDigits[bits << (6 - held) & 63];
  return text;
}

}  // namespace afluente::api
