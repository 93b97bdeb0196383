#include "warehouse/googlesql/lexer.h"

#include <array>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "host/utf8.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

bool IsIdentifierStart(char c) { return absl::ascii_isalpha(c) || c == '_'; }
bool IsIdentifierPart(char c) { return absl::ascii_isalnum(c) || c == '_'; }

void AppendUtf8(uint32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (c >> 6)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (c >> 12)));
    out->push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (c >> 18)));
    out->push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> Run() {
    while (true) {
      SkipSpace();
      Token token = Next();
      token.end = at_;
      tokens_.push_back(token);
      if (token.kind == TokenKind::kEnd) return std::move(tokens_);
    }
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool StartsWith(std::string_view s) const { return text_.substr(at_, s.size()) == s; }

  void SkipSpace() {
    while (at_ < text_.size()) {
      if (absl::ascii_isspace(Peek())) {
        ++at_;
      } else if (Peek() == '#' || StartsWith("--")) {
        while (at_ < text_.size() && Peek() != '\n') ++at_;
      } else if (StartsWith("/*")) {
        const size_t close = text_.find("*/", at_ + 2);
        if (close == std::string_view::npos) FailSyntax(at_, "Unclosed comment");
        at_ = close + 2;
      } else {
        return;
      }
    }
  }

  Token Next() {
    const size_t start = at_;
    if (at_ >= text_.size()) return Token{TokenKind::kEnd, "", "", start, start};
    const char c = Peek();
    if (size_t prefix = StringPrefix(); prefix != std::string_view::npos) return String(prefix);
    if (c == '`') return Token{TokenKind::kQuotedIdentifier, Backquoted(), "", start, 0};
    if (IsIdentifierStart(c)) return Identifier();
    if (absl::ascii_isdigit(c) || (c == '.' && absl::ascii_isdigit(Peek(1)) && !AfterName())) {
      return Number();
    }
    if (c == '@') return Parameter();
    if (c == '?') {
      ++at_;
      return Token{TokenKind::kPositional, "?", "", start, 0};
    }
    return Symbol();
  }

  // `t.1`: after a name a dot starts a path, not a number.
  bool AfterName() const {
    if (tokens_.empty()) return false;
    const Token& last = tokens_.back();
    return last.end == at_ &&
           (last.kind == TokenKind::kIdentifier || last.kind == TokenKind::kQuotedIdentifier);
  }

  Token Identifier() {
    const size_t start = at_;
    while (IsIdentifierPart(Peek())) ++at_;
    std::string word(text_.substr(start, at_ - start));
    std::string upper = Upper(word);
    // After a dot every word is a name.
    const bool path =
        !tokens_.empty() && tokens_.back().text == "." && tokens_.back().kind == TokenKind::kSymbol;
    const bool keyword = !path && IsReservedKeyword(upper);
    return Token{keyword ? TokenKind::kKeyword : TokenKind::kIdentifier, std::move(word),
                 std::move(upper), start, 0};
  }

  Token Number() {
    const size_t start = at_;
    if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X') && absl::ascii_isxdigit(Peek(2))) {
      at_ += 2;
      while (absl::ascii_isxdigit(Peek())) ++at_;
      return EndOfNumber(TokenKind::kInteger, start);
    }
    TokenKind kind = TokenKind::kInteger;
    while (absl::ascii_isdigit(Peek())) ++at_;
    if (Peek() == '.') {
      kind = TokenKind::kFloat;
      ++at_;
      while (absl::ascii_isdigit(Peek())) ++at_;
    }
    if (Peek() == 'e' || Peek() == 'E') {
      const size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
      if (absl::ascii_isdigit(Peek(1 + sign))) {
        kind = TokenKind::kFloat;
        at_ += 1 + sign;
        while (absl::ascii_isdigit(Peek())) ++at_;
      }
    }
    return EndOfNumber(kind, start);
  }

  Token EndOfNumber(TokenKind kind, size_t start) {
    if (IsIdentifierStart(Peek())) {
      FailSyntax(at_, "Missing whitespace between literal and alias");
    }
    return Token{kind, std::string(text_.substr(start, at_ - start)), "", start, 0};
  }

  Token Parameter() {
    const size_t start = at_++;
    if (Peek() == '@') {
      ++at_;
      if (!IsIdentifierStart(Peek())) FailSyntax(start, "Unexpected \"@@\"");
      while (IsIdentifierPart(Peek()) || (Peek() == '.' && IsIdentifierStart(Peek(1)))) ++at_;
      return Token{TokenKind::kSystemVariable, Lower(text_.substr(start + 2, at_ - start - 2)), "",
                   start, 0};
    }
    if (Peek() == '`') return Token{TokenKind::kParameter, Backquoted(), "", start, 0};
    if (!IsIdentifierStart(Peek())) FailSyntax(start, "Unexpected \"@\"");
    while (IsIdentifierPart(Peek())) ++at_;
    return Token{TokenKind::kParameter, std::string(text_.substr(start + 1, at_ - start - 1)), "",
                 start, 0};
  }

  Token Symbol() {
    static constexpr std::array<std::string_view, 9> kTwo = {"<=", ">=", "<>", "!=", "||",
                                                             "<<", ">>", "=>", "|>"};
    const size_t start = at_;
    for (std::string_view two : kTwo) {
      if (StartsWith(two)) {
        at_ += 2;
        return Token{TokenKind::kSymbol, std::string(two), "", start, 0};
      }
    }
    const char c = Peek();
    if (std::string_view("()[]{},.;:+-*/=<>&|^~%").find(c) == std::string_view::npos) {
      FailSyntax(start,
                 Cat("Illegal input character \"", absl::CHexEscape(std::string(1, c)), "\""));
    }
    ++at_;
    return Token{TokenKind::kSymbol, std::string(1, c), "", start, 0};
  }

  std::string Backquoted() {
    const size_t start = at_++;
    std::string name;
    while (true) {
      if (at_ >= text_.size() || Peek() == '\n') {
        FailSyntax(start, "Unclosed identifier literal");
      }
      if (Peek() == '`') break;
      if (Peek() == '\\') {
        Escape(&name, /*bytes=*/false);
      } else {
        name.push_back(text_[at_++]);
      }
    }
    ++at_;
    if (name.empty()) FailSyntax(start, "Invalid empty identifier");
    if (!host::IsUtf8(name) || name.find('\0') != std::string::npos) {
      FailSyntax(start, "Invalid identifier");
    }
    return name;
  }

  // The length of r, b, rb or br before a quote; npos when no string starts here.
  size_t StringPrefix() const {
    for (size_t length = 0; length <= 2; ++length) {
      const char c = Peek(length);
      if (c == '\'' || c == '"') return length;
      if (absl::ascii_tolower(c) != 'r' && absl::ascii_tolower(c) != 'b') break;
      if (length == 1 && absl::ascii_tolower(c) == absl::ascii_tolower(Peek())) break;
    }
    return std::string_view::npos;
  }

  Token String(size_t prefix) {
    const size_t start = at_;
    bool raw = false;
    bool bytes = false;
    for (size_t i = 0; i < prefix; ++i) {
      (absl::ascii_tolower(Peek()) == 'r' ? raw : bytes) = true;
      ++at_;
    }
    const char quote = Peek();
    const std::string triple(3, quote);
    const bool long_form = StartsWith(triple);
    const std::string close = long_form ? triple : std::string(1, quote);
    at_ += close.size();
    std::string value;
    while (!StartsWith(close)) {
      if (at_ >= text_.size() || (!long_form && Peek() == '\n')) {
        FailSyntax(start, Cat("Unclosed ", long_form ? "triple-quoted " : "",
                              bytes ? "bytes" : "string", " literal"));
      }
      StringCharacter(raw, bytes, &value);
    }
    at_ += close.size();
    if (!bytes && !host::IsUtf8(value)) {
      FailSyntax(start, "String literal contains an invalid UTF-8 sequence");
    }
    return Token{bytes ? TokenKind::kBytes : TokenKind::kString, std::move(value), "", start, 0};
  }

  void StringCharacter(bool raw, bool bytes, std::string* value) {
    if (Peek() != '\\') {
      value->push_back(text_[at_++]);
      return;
    }
    if (!raw) return Escape(value, bytes);
    value->push_back(text_[at_++]);
    if (at_ < text_.size()) value->push_back(text_[at_++]);
  }

  uint32_t Digits(size_t start, size_t count, int radix) {
    uint32_t code = 0;
    for (size_t i = 0; i < count; ++i, ++at_) {
      const char c = absl::ascii_tolower(Peek());
      const int digit = absl::ascii_isdigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
      if (digit >= radix) FailSyntax(start, "Illegal escape sequence");
      code = code * static_cast<uint32_t>(radix) + static_cast<uint32_t>(digit);
    }
    return code;
  }

  void Escape(std::string* out, bool bytes) {
    const size_t start = at_++;
    const char c = Peek();
    static constexpr std::string_view kFrom = "abfnrtv\\?\"'`";
    static constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\?\"'`";
    if (const size_t simple = kFrom.find(c); c != '\0' && simple != std::string_view::npos) {
      out->push_back(kTo[simple]);
      ++at_;
      return;
    }
    uint32_t code = 0;
    if (c >= '0' && c <= '3') {
      code = Digits(start, 3, 8);
    } else if (c == 'x' || c == 'X') {
      ++at_;
      code = Digits(start, 2, 16);
    } else if (!bytes && (c == 'u' || c == 'U')) {
      ++at_;
      code = Digits(start, c == 'u' ? 4 : 8, 16);
      if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        FailSyntax(start, "Illegal escape sequence: Unicode value is invalid");
      }
    } else {
      FailSyntax(start, Cat("Illegal escape sequence: \\", absl::CHexEscape(std::string(1, c))));
    }
    if (bytes) {
      out->push_back(static_cast<char>(code));
    } else {
      AppendUtf8(code, out);
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view statement) { return Lexer(statement).Run(); }

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kIdentifier:
      return Cat("identifier \"", token.text, "\"");
    case TokenKind::kQuotedIdentifier:
      return Cat("identifier `", token.text, "`");
    case TokenKind::kKeyword:
      return Cat("keyword ", token.upper);
    case TokenKind::kInteger:
      return Cat("integer literal \"", token.text, "\"");
    case TokenKind::kFloat:
      return Cat("floating point literal \"", token.text, "\"");
    case TokenKind::kString:
      return Cat("string literal \"", absl::CHexEscape(token.text.substr(0, 64)), "\"");
    case TokenKind::kBytes:
      return "bytes literal";
    case TokenKind::kParameter:
      return Cat("\"@\" for query parameter \"", token.text, "\"");
    case TokenKind::kSystemVariable:
      return Cat("\"@@", token.text, "\"");
    case TokenKind::kPositional:
    case TokenKind::kSymbol:
      return Cat("\"", token.text, "\"");
    case TokenKind::kEnd:
      return "end of statement";
  }
  return "";
}

bool IsReservedKeyword(std::string_view upper) {
  static const auto* const kReserved = new absl::flat_hash_set<std::string_view>{
      "ALL",       "AND",       "ANY",       "ARRAY",       "AS",      "ASC",
      "AT",        "BETWEEN",   "BY",        "CASE",        "CAST",    "COLLATE",
      "CONTAINS",  "CREATE",    "CROSS",     "CUBE",        "CURRENT", "DEFAULT",
      "DEFINE",    "DESC",      "DISTINCT",  "ELSE",        "END",     "ENUM",
      "ESCAPE",    "EXCEPT",    "EXCLUDE",   "EXISTS",      "EXTRACT", "FALSE",
      "FETCH",     "FOLLOWING", "FOR",       "FROM",        "FULL",    "GROUP",
      "GROUPING",  "GROUPS",    "HASH",      "HAVING",      "IF",      "IGNORE",
      "IN",        "INNER",     "INTERSECT", "INTERVAL",    "INTO",    "IS",
      "JOIN",      "LATERAL",   "LEFT",      "LIKE",        "LIMIT",   "LOOKUP",
      "MERGE",     "NATURAL",   "NEW",       "NO",          "NOT",     "NULL",
      "NULLS",     "OF",        "ON",        "OR",          "ORDER",   "OUTER",
      "OVER",      "PARTITION", "PRECEDING", "PROTO",       "QUALIFY", "RANGE",
      "RECURSIVE", "RESPECT",   "RIGHT",     "ROLLUP",      "ROWS",    "SELECT",
      "SET",       "SOME",      "STRUCT",    "TABLESAMPLE", "THEN",    "TO",
      "TREAT",     "TRUE",      "UNBOUNDED", "UNION",       "UNNEST",  "USING",
      "WHEN",      "WHERE",     "WINDOW",    "WITH",        "WITHIN",  "ASSERT_ROWS_MODIFIED"};
  return kReserved->contains(upper);
}

}  // namespace afluente::warehouse::googlesql
