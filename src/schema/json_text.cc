#include "schema/json_text.h"

#include <string>

#include "schema/text.h"
#include "schema/utf8.h"

namespace afluente::schema {
namespace {

constexpr size_t kNestingMax = 500;

bool IsHexDigit(char c) { return IsDigit(c) || (ToLower(c) >= 'a' && ToLower(c) <= 'f'); }

// Checks the grammar with a stack of its own, so that hostile nesting cannot end the process.
class JsonChecker {
 public:
  explicit JsonChecker(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  const char* At() const { return at_; }
  bool CheckNumber() { return at_ != end_ && Number() && at_ == end_; }

  bool Check() {
    if (!Value()) return false;
    while (!open_.empty()) {
      if (!AfterValue()) return false;
    }
    SkipSpace();
    return at_ == end_;
  }

 private:
  // A scalar, or everything up to the first scalar or empty container within a container.
  bool Value() {
    while (true) {
      SkipSpace();
      if (at_ == end_) return false;
      if (*at_ != '{' && *at_ != '[') return Scalar();
      if (open_.size() == kNestingMax) return false;
      bool object = *at_++ == '{';
      if (Take(object ? '}' : ']')) return true;
      open_.push_back(object ? '}' : ']');
      if (object && !Key()) return false;
    }
  }

  bool AfterValue() {
    if (Take(',')) return (open_.back() != '}' || Key()) && Value();
    if (!Take(open_.back())) return false;
    open_.pop_back();
    return true;
  }

  bool Key() {
    SkipSpace();
    return String() && Take(':');
  }

  bool Scalar() {
    switch (*at_) {
      case '"':
        return String();
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

  bool Word(std::string_view word) {
    if (static_cast<size_t>(end_ - at_) < word.size()) return false;
    if (std::string_view(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool String() {
    if (at_ == end_ || *at_ != '"') return false;
    for (++at_; at_ != end_; ++at_) {
      if (*at_ == '"') return ++at_, true;
      if (static_cast<unsigned char>(*at_) < 0x20) return false;
      if (*at_ == '\\' && !Escape()) return false;
    }
    return false;
  }

  bool Escape() {
    if (++at_ == end_) return false;
    if (*at_ != 'u') return std::string_view("\"\\/bfnrt").find(*at_) != std::string_view::npos;
    for (int i = 0; i < 4; ++i) {
      if (++at_ == end_ || !IsHexDigit(*at_)) return false;
    }
    return true;
  }

  bool Number() {
    if (*at_ == '-') ++at_;
    bool leading_zero = at_ != end_ && *at_ == '0';
    size_t digits = Digits();
    if (digits == 0 || (leading_zero && digits > 1)) return false;
    if (at_ != end_ && *at_ == '.' && (++at_, Digits()) == 0) return false;
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (Digits() == 0) return false;
    }
    return true;
  }

  size_t Digits() {
    const char* start = at_;
    while (at_ != end_ && IsDigit(*at_)) ++at_;
    return at_ - start;
  }

  void SkipSpace() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }
  bool Take(char c) {
    SkipSpace();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  const char* at_;
  const char* end_;
  std::string open_;  // the closing characters of the open containers
};

}  // namespace

bool IsJson(std::string_view text) { return IsUtf8(text) && !FindJsonError(text).has_value(); }

std::optional<size_t> FindJsonError(std::string_view text) {
  JsonChecker checker(text);
  if (checker.Check()) return std::nullopt;
  return checker.At() - text.data();
}

bool IsJsonNumber(std::string_view text) { return JsonChecker(text).CheckNumber(); }

}  // namespace afluente::schema
