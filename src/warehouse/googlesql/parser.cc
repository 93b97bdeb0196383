#include "warehouse/googlesql/parser.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

Parser::Nesting::Nesting(Parser* parser) : parser_(parser) {
  if (++parser_->nesting_ > kNestingMax) {
    --parser_->nesting_;
    Fail(parser_->Peek().at, "Query is too deeply nested");
  }
}

const Token& Parser::Peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool Parser::IsSymbol(std::string_view symbol, size_t ahead) const {
  return Peek(ahead).kind == TokenKind::kSymbol && Peek(ahead).text == symbol;
}

bool Parser::IsWord(std::string_view upper, size_t ahead) const {
  const Token& token = Peek(ahead);
  return (token.kind == TokenKind::kKeyword || token.kind == TokenKind::kIdentifier) &&
         token.upper == upper;
}

bool Parser::TakeSymbol(std::string_view symbol) {
  if (!IsSymbol(symbol)) return false;
  ++at_;
  return true;
}

bool Parser::TakeWord(std::string_view upper) {
  if (!IsWord(upper)) return false;
  ++at_;
  return true;
}

bool Parser::TakeWords(std::string_view first, std::string_view second) {
  if (!IsWord(first) || !IsWord(second, 1)) return false;
  at_ += 2;
  return true;
}

size_t Parser::ExpectSymbol(std::string_view symbol) {
  if (!IsSymbol(symbol)) Expected(Cat("\"", symbol, "\""));
  return Take().at;
}

void Parser::ExpectWord(std::string_view upper) {
  if (!TakeWord(upper)) Expected(Cat("keyword ", upper));
}

bool Parser::IsName(size_t ahead) const {
  return Peek(ahead).kind == TokenKind::kIdentifier ||
         Peek(ahead).kind == TokenKind::kQuotedIdentifier;
}

std::string Parser::ExpectName() {
  if (!IsName()) Expected("identifier");
  return Take().text;
}

std::string Parser::ExpectText() {
  if (Peek().kind != TokenKind::kString) Expected("string literal");
  return Take().text;
}

void Parser::ExpectCloseAngle() {
  // ARRAY<STRUCT<a INT64>> ends in one token: take half of it.
  if (IsSymbol(">>")) {
    tokens_[at_].text = ">";
    tokens_[at_].at += 1;
    return;
  }
  ExpectSymbol(">");
}

void Parser::Unexpected() const { FailSyntax(Peek().at, Cat("Unexpected ", Describe(Peek()))); }

void Parser::Expected(std::string_view what) const {
  FailSyntax(Peek().at, Cat("Expected ", what, " but got ", Describe(Peek())));
}

std::string Parser::OptionalAlias() {
  if (TakeWord("AS")) return ExpectName();
  return IsName() ? Take().text : "";
}

// A path of a table: `a.b.c` in one pair of backticks, parts of their own, or project-with-dashes.
NamePath Parser::ParsePath() {
  NamePath path;
  path.at = Peek().at;
  while (true) {
    if (Peek().kind == TokenKind::kQuotedIdentifier) {
      const Token token = Take();
      size_t start = 0;
      while (start != std::string::npos) {
        const size_t dot = token.text.find('.', start);
        const std::string part = token.text.substr(start, dot - start);
        if (part.empty()) FailSyntax(token.at, Cat("Invalid table name: ", token.text));
        path.parts.push_back(part);
        start = dot == std::string::npos ? dot : dot + 1;
      }
    } else {
      path.parts.push_back(PathPart());
    }
    if (!TakeSymbol(".")) return path;
  }
}

std::string Parser::PathPart() {
  std::string part = ExpectName();
  size_t end = tokens_[at_ - 1].end;
  while (IsSymbol("-") && Peek().at == end && Peek(1).at == Peek().end &&
         (Peek(1).kind == TokenKind::kIdentifier || Peek(1).kind == TokenKind::kInteger ||
          Peek(1).kind == TokenKind::kKeyword)) {
    Take();
    const Token token = Take();
    Append(&part, "-", token.text);
    end = token.end;
  }
  return part;
}

std::vector<std::string> Parser::ParseNames() {
  std::vector<std::string> names;
  ExpectSymbol("(");
  do {
    names.push_back(ExpectName());
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  return names;
}

void Parser::CheckBound(size_t count, size_t max, std::string_view what, size_t at) {
  if (count > max) Fail(at, Cat("Query is too complex: it has more than ", max, " ", what));
}

ExpressionPtr Parser::Make(ExpressionKind kind, size_t at, std::string text) {
  CheckBound(++expressions_, kExpressionsMax, "expressions", at);
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->at = at;
  expression->text = std::move(text);
  return expression;
}

void Parser::Add(Expression* parent, ExpressionPtr child) {
  parent->depth = std::max(parent->depth, child->depth + 1);
  // Chains such as 1+1+1 grow deep without nesting.
  if (parent->depth > 3 * kNestingMax) Fail(parent->at, "Query is too deeply nested");
  parent->args.push_back(std::move(child));
  if (parent->kind == ExpressionKind::kBinary) {
    CheckBound(parent->args.size(), kOperandsMax, "operands in one chain", parent->at);
  } else if (parent->kind == ExpressionKind::kStruct) {
    CheckBound(parent->args.size(), kStructFieldsMax, "fields in a STRUCT", parent->at);
  }
}

}  // namespace afluente::warehouse::googlesql
