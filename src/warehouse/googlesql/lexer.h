#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace afluente::warehouse::googlesql {

enum class TokenKind {
  kIdentifier,  // also keywords that are not reserved
  kQuotedIdentifier,
  kKeyword,  // reserved; `text` in upper case
  kInteger,
  kFloat,
  kString,  // `text` is the value, escapes resolved
  kBytes,
  kParameter,       // @name; `text` is the name
  kPositional,      // ?
  kSystemVariable,  // @@name.name; `text` is without @@
  kSymbol,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  std::string upper;  // `text` in upper case for identifiers and keywords
  size_t at = 0;      // first byte in the statement
  size_t end = 0;     // one past its last byte
};

// Splits a statement into tokens, the last of which is kEnd. Throws SqlError.
std::vector<Token> Tokenize(std::string_view statement);

// How BigQuery's messages name a token: `identifier "x"`, `keyword FROM`, `","`.
std::string Describe(const Token& token);

bool IsReservedKeyword(std::string_view upper);

}  // namespace afluente::warehouse::googlesql
