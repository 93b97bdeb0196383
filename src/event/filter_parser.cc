#include "event/filter_parser.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "host/check.h"
#include "schema/text.h"
#include "schema/utf8.h"

namespace afluente::event {
namespace {

using schema::Concat;
using NodePointer = std::unique_ptr<const FilterNode>;

bool IsKeyByte(char c) { return schema::IsAlpha(c) || schema::IsDigit(c) || c == '_' || c == '-'; }

int HexDigit(char c) {
  if (schema::IsDigit(c)) return c - '0';
  char lower = schema::ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Appends a code point that is not a surrogate; false when it is one or too large.
bool AppendUtf8(uint32_t code, std::string* text) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  auto append = [text](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    append(code);
  } else if (code < 0x800) {
    append(0xC0 | code >> 6);
    append(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    append(0xE0 | code >> 12);
    append(0x80 | (code >> 6 & 0x3F));
    append(0x80 | (code & 0x3F));
  } else {
    append(0xF0 | code >> 18);
    append(0x80 | (code >> 12 & 0x3F));
    append(0x80 | (code >> 6 & 0x3F));
    append(0x80 | (code & 0x3F));
  }
  return true;
}

class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}

  absl::StatusOr<NodePointer> ParseAll() {
    AFLUENTE_ASSIGN_OR_RETURN(NodePointer node, Expression());
    SkipSpace();
    if (at_ != text_.size()) return Unexpected("AND, OR or the end");
    return node;
  }

 private:
  // Operands joined by one operator: mixing AND and OR needs parentheses.
  absl::StatusOr<NodePointer> Expression() {
    AFLUENTE_ASSIGN_OR_RETURN(NodePointer left, Operand());
    std::string_view first;
    while (true) {
      size_t start = (SkipSpace(), at_);
      std::string_view word = TakeWord("AND") ? "AND" : TakeWord("OR") ? "OR" : "";
      if (word.empty()) return left;
      if (first.empty()) first = word;
      if (word != first) {
        return absl::InvalidArgumentError(
            Concat("column ", start + 1, ": AND and OR can be mixed only with parentheses"));
      }
      AFLUENTE_ASSIGN_OR_RETURN(NodePointer right, Operand());
      FilterNode node;
      node.kind = word == "AND" ? FilterNode::Kind::kAnd : FilterNode::Kind::kOr;
      node.left = std::move(left);
      node.right = std::move(right);
      left = std::make_unique<const FilterNode>(std::move(node));
    }
  }

  absl::StatusOr<NodePointer> Operand() {
    if (TakeWord("NOT") || Take('-')) {
      FilterNode node;
      node.kind = FilterNode::Kind::kNot;
      AFLUENTE_ASSIGN_OR_RETURN(node.left, Operand());
      return std::make_unique<const FilterNode>(std::move(node));
    }
    if (Take('(')) {
      AFLUENTE_ASSIGN_OR_RETURN(NodePointer node, Expression());
      if (!Take(')')) return Unexpected(")");
      return node;
    }
    if (TakeWord("hasPrefix")) return HasPrefix();
    if (TakeWord("attributes")) return Comparison();
    return Unexpected("attributes, hasPrefix, NOT, - or (");
  }

  absl::StatusOr<NodePointer> HasPrefix() {
    FilterNode node;
    node.kind = FilterNode::Kind::kHasPrefix;
    if (!Take('(')) return Unexpected("( after hasPrefix");
    if (!TakeWord("attributes")) return Unexpected("attributes");
    if (!Take('.')) return Unexpected(". after attributes");
    AFLUENTE_ASSIGN_OR_RETURN(node.key, Key());
    if (!Take(',')) return Unexpected(", after the key");
    AFLUENTE_ASSIGN_OR_RETURN(node.value, Text());
    if (!Take(')')) return Unexpected(") after the prefix");
    return std::make_unique<const FilterNode>(std::move(node));
  }

  absl::StatusOr<NodePointer> Comparison() {
    FilterNode node;
    if (Take(':')) {
      AFLUENTE_ASSIGN_OR_RETURN(node.key, Key());
      return std::make_unique<const FilterNode>(std::move(node));
    }
    if (!Take('.')) return Unexpected(". or : after attributes");
    AFLUENTE_ASSIGN_OR_RETURN(node.key, Key());
    if (Take('=')) {
      node.kind = FilterNode::Kind::kEquals;
    } else if (TakeNotEquals()) {
      node.kind = FilterNode::Kind::kNotEquals;
    } else {
      return Unexpected("= or != after the key");
    }
    AFLUENTE_ASSIGN_OR_RETURN(node.value, Text());
    return std::make_unique<const FilterNode>(std::move(node));
  }

  absl::StatusOr<std::string> Key() {
    SkipSpace();
    if (at_ < text_.size() && text_[at_] == '"') return Text();
    size_t start = at_;
    while (at_ < text_.size() && IsKeyByte(text_[at_])) ++at_;
    if (at_ == start) return Unexpected("an attribute key (quoted when it has other characters)");
    return std::string(text_.substr(start, at_ - start));
  }

  // A string literal in double quotes.
  absl::StatusOr<std::string> Text() {
    SkipSpace();
    size_t start = at_;
    if (at_ == text_.size() || text_[at_] != '"') return Unexpected("a text in double quotes");
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != '"';) {
      if (text_[at_] != '\\') {
        value += text_[at_++];
      } else if (size_t escape = at_; !Escape(&value)) {
        at_ = escape;
        return Unexpected("an escape sequence that exists");
      }
    }
    if (at_ == text_.size()) return Unexpected("\" at the end of the text");
    ++at_;
    if (!schema::IsUtf8(value)) {
      return absl::InvalidArgumentError(Concat("column ", start + 1, ": the text is not UTF-8"));
    }
    return value;
  }

  bool Escape(std::string* value) {
    if (++at_ == text_.size()) return false;
    char c = text_[at_++];
    constexpr std::string_view kNames = "abfnrtv\\\"'`?";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"'`?";
    if (size_t i = kNames.find(c); i != std::string_view::npos) {
      value->push_back(kMeanings[i]);
      return true;
    }
    uint32_t code = 0;
    if (c == 'x' || c == 'X') {
      if (!Digits(2, 16, &code)) return false;
      value->push_back(static_cast<char>(code));
      return true;
    }
    if (c >= '0' && c <= '3') {
      --at_;
      if (!Digits(3, 8, &code)) return false;
      value->push_back(static_cast<char>(code));
      return true;
    }
    return (c == 'u' || c == 'U') && Digits(c == 'u' ? 4 : 8, 16, &code) && AppendUtf8(code, value);
  }

  bool Digits(int count, int radix, uint32_t* code) {
    for (; count > 0; --count, ++at_) {
      int digit = at_ < text_.size() ? HexDigit(text_[at_]) : -1;
      if (digit < 0 || digit >= radix) return false;
      *code = *code * static_cast<uint32_t>(radix) + static_cast<uint32_t>(digit);
    }
    return true;
  }

  void SkipSpace() {
    while (at_ < text_.size() && schema::IsSpace(text_[at_])) ++at_;
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeNotEquals() {
    SkipSpace();
    if (text_.substr(at_, 2) != "!=") return false;
    at_ += 2;
    return true;
  }
  bool TakeWord(std::string_view word) {
    SkipSpace();
    if (text_.substr(at_, word.size()) != word) return false;
    size_t end = at_ + word.size();
    if (end < text_.size() && IsKeyByte(text_[end]) && text_[end] != '-') return false;
    at_ = end;
    return true;
  }
  absl::Status Unexpected(std::string_view expected) {
    SkipSpace();
    size_t end = at_;
    while (end < text_.size() && (IsKeyByte(text_[end]) || end == at_)) ++end;
    std::string found = at_ == text_.size() ? "the end" : std::string(text_.substr(at_, end - at_));
    return absl::InvalidArgumentError(
        Concat("column ", at_ + 1, ": expected ", expected, ", found ", found));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const FilterNode>> ParseFilter(std::string_view text) {
  if (text.size() > kFilterBytesMax) {
    return absl::InvalidArgumentError(
        Concat("the filter has ", text.size(), " bytes; Pub/Sub allows ", kFilterBytesMax));
  }
  if (!schema::IsUtf8(text)) return absl::InvalidArgumentError("the filter is not UTF-8");
  return FilterParser(text).ParseAll();
}

}  // namespace afluente::event
