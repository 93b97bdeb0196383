#include "warehouse/googlesql/view_query.h"

#include "warehouse/googlesql/lexer.h"
#include "warehouse/googlesql/sql_error.h"

namespace afluente::warehouse::googlesql {

std::string ViewQuery(std::string_view statement) {
  std::vector<Token> tokens;
  try {
    tokens = Tokenize(statement);
  } catch (const SqlError&) {
    return "";
  }
  int depth = 0;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.kind == TokenKind::kSymbol && token.text == "(") ++depth;
    if (token.kind == TokenKind::kSymbol && token.text == ")") --depth;
    if (depth > 0 || token.kind != TokenKind::kKeyword || token.text != "AS") continue;
    const Token& last = tokens[tokens.size() - 2];  // before the end
    const bool semicolon = last.kind == TokenKind::kSymbol && last.text == ";";
    const size_t from = tokens[i + 1].at;
    const size_t to = semicolon ? last.at : last.end;
    return to > from ? std::string(statement.substr(from, to - from)) : "";
  }
  return "";
}

}  // namespace afluente::warehouse::googlesql
