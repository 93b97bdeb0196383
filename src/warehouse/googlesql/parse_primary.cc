// Literals, constructors, CASE, CAST, EXTRACT, INTERVAL, types.
#include "absl/strings/ascii.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

struct TypeWord {
  std::string_view word;
  TypeCode code;
};

constexpr TypeWord kTypeWords[] = {
    {"BOOL", TypeCode::kBool},
    {"BOOLEAN", TypeCode::kBool},
    {"INT64", TypeCode::kInt64},
    {"INT", TypeCode::kInt64},
    {"INTEGER", TypeCode::kInt64},
    {"SMALLINT", TypeCode::kInt64},
    {"BIGINT", TypeCode::kInt64},
    {"TINYINT", TypeCode::kInt64},
    {"BYTEINT", TypeCode::kInt64},
    {"FLOAT64", TypeCode::kFloat64},
    {"FLOAT", TypeCode::kFloat64},
    {"NUMERIC", TypeCode::kNumeric},
    {"DECIMAL", TypeCode::kNumeric},
    {"BIGNUMERIC", TypeCode::kBigNumeric},
    {"BIGDECIMAL", TypeCode::kBigNumeric},
    {"STRING", TypeCode::kString},
    {"BYTES", TypeCode::kBytes},
    {"DATE", TypeCode::kDate},
    {"DATETIME", TypeCode::kDatetime},
    {"TIME", TypeCode::kTime},
    {"TIMESTAMP", TypeCode::kTimestamp},
    {"JSON", TypeCode::kJson},
    {"INTERVAL", TypeCode::kInterval},
};

}  // namespace

ExpressionPtr Parser::ParsePrimary() {
  const Token& token = Peek();
  switch (token.kind) {
    case TokenKind::kInteger:
      return Make(ExpressionKind::kInteger, token.at, Take().text);
    case TokenKind::kFloat:
      return Make(ExpressionKind::kFloat, token.at, Take().text);
    case TokenKind::kString:
      return Make(ExpressionKind::kString, token.at, Take().text);
    case TokenKind::kBytes:
      return Make(ExpressionKind::kBytes, token.at, Take().text);
    case TokenKind::kParameter:
      return Make(ExpressionKind::kParameter, token.at, Take().text);
    case TokenKind::kPositional:
      Take();
      return Make(ExpressionKind::kParameter, token.at, Cat("?", ++positionals_));
    case TokenKind::kSystemVariable:
      return Make(ExpressionKind::kName, token.at, Cat("@@", Take().text));
    case TokenKind::kSymbol:
      if (token.text == "(") return ParseParenthesised();
      if (token.text == "[") return ParseArrayElements(SqlType(), token.at);
      Unexpected();
    case TokenKind::kKeyword:
      return ParseKeywordPrimary();
    case TokenKind::kIdentifier:
    case TokenKind::kQuotedIdentifier:
      return ParseNamePrimary();
    case TokenKind::kEnd:
      Unexpected();
  }
  Unexpected();
}

ExpressionPtr Parser::ParseKeywordPrimary() {
  const Token& token = Peek();
  if (token.upper == "NULL") return Make(ExpressionKind::kNull, Take().at);
  if (token.upper == "TRUE" || token.upper == "FALSE") {
    return Make(ExpressionKind::kBool, token.at, Take().upper);
  }
  if (token.upper == "CASE") return ParseCase();
  if (token.upper == "CAST") return ParseCast(false);
  if (token.upper == "EXTRACT") return ParseExtract();
  if (token.upper == "INTERVAL") return ParseInterval();
  if (token.upper == "ARRAY") return ParseArray();
  if (token.upper == "STRUCT") return ParseStruct();
  if (token.upper == "DEFAULT") return Make(ExpressionKind::kDefault, Take().at);
  if (token.upper == "EXISTS") {
    ExpressionPtr result = Make(ExpressionKind::kExists, Take().at);
    ExpectSymbol("(");
    CheckBound(++subqueries_, kSubqueriesMax, "subqueries in expressions", result->at);
    result->query = ParseQuery();
    ExpectSymbol(")");
    return result;
  }
  // Functions whose names are reserved words.
  if (token.upper == "RANGE" && IsSymbol("<", 1)) return ParseRangeLiteral();
  if ((token.upper == "IF" || token.upper == "LEFT" || token.upper == "RIGHT" ||
       token.upper == "GROUPING" || token.upper == "RANGE" || token.upper == "COLLATE") &&
      IsSymbol("(", 1)) {
    return ParseCall(Take(), false);
  }
  Unexpected();
}

ExpressionPtr Parser::ParseNamePrimary() {
  const Token token = Peek();
  if (token.kind == TokenKind::kIdentifier) {
    if (token.upper == "SAFE_CAST" && IsSymbol("(", 1)) return ParseCast(true);
    if (Peek(1).kind == TokenKind::kString) {
      ExpressionPtr typed = ParseTypedLiteral();
      if (typed != nullptr) return typed;
    }
  }
  if (CallPathLength() > 0) return ParsePathCall();
  Take();
  // These may leave out their parentheses.
  if (token.upper == "CURRENT_DATE" || token.upper == "CURRENT_TIMESTAMP" ||
      token.upper == "CURRENT_DATETIME" || token.upper == "CURRENT_TIME") {
    ExpressionPtr call = Make(ExpressionKind::kCall, token.at, token.upper);
    call->call = std::make_unique<CallClauses>();
    return call;
  }
  return Make(ExpressionKind::kName, token.at, token.text);
}

ExpressionPtr Parser::ParseTypedLiteral() {
  const Token token = Peek();
  for (const TypeWord& word : kTypeWords) {
    const bool literal = word.code == TypeCode::kDate || word.code == TypeCode::kDatetime ||
                         word.code == TypeCode::kTime || word.code == TypeCode::kTimestamp ||
                         word.code == TypeCode::kNumeric || word.code == TypeCode::kBigNumeric ||
                         word.code == TypeCode::kJson;
    if (!literal || token.upper != word.word) continue;
    Take();
    ExpressionPtr result = Make(ExpressionKind::kTyped, token.at, Take().text);
    result->type = word.code;
    return result;
  }
  return nullptr;
}

ExpressionPtr Parser::ParseCase() {
  ExpressionPtr result = Make(ExpressionKind::kCase, Take().at);
  if (!IsWord("WHEN")) {
    result->text = "SIMPLE";
    Add(result.get(), ParseExpression());
  }
  if (!IsWord("WHEN")) Expected("keyword WHEN");
  while (TakeWord("WHEN")) {
    Add(result.get(), ParseExpression());
    ExpectWord("THEN");
    Add(result.get(), ParseExpression());
  }
  if (TakeWord("ELSE")) Add(result.get(), ParseExpression());
  ExpectWord("END");
  return result;
}

ExpressionPtr Parser::ParseCast(bool safe) {
  ExpressionPtr result = Make(ExpressionKind::kCast, Take().at, safe ? "SAFE" : "");
  ExpectSymbol("(");
  Add(result.get(), ParseExpression());
  ExpectWord("AS");
  result->type = ParseType();
  if (IsWord("FORMAT")) FailUnsupported(Peek().at, "CAST with FORMAT");
  ExpectSymbol(")");
  return result;
}

ExpressionPtr Parser::ParseExtract() {
  ExpressionPtr result = Make(ExpressionKind::kExtract, Take().at);
  ExpectSymbol("(");
  result->text = ParseDatePart()->text;
  ExpectWord("FROM");
  Add(result.get(), ParseExpression());
  if (TakeWord("AT")) {
    ExpectWord("TIME");
    ExpectWord("ZONE");
    Add(result.get(), ParseExpression());
  }
  ExpectSymbol(")");
  return result;
}

ExpressionPtr Parser::ParseDatePart() {
  if (!IsName()) Unexpected();
  const Token token = Take();
  ExpressionPtr part = Make(ExpressionKind::kDatePart, token.at, Upper(token.text));
  if (part->text == "WEEK" && TakeSymbol("(")) {
    Append(&part->text, "(", Upper(ExpectName()), ")");
    ExpectSymbol(")");
  }
  return part;
}

ExpressionPtr Parser::ParseInterval() {
  ExpressionPtr result = Make(ExpressionKind::kInterval, Take().at);
  // The amount of INTERVAL -1 DAY is an expression; the unit ends it.
  Add(result.get(), ParseOperators(0));
  if (!IsName()) Expected("interval unit");
  result->text = Upper(Take().text);
  if (TakeWord("TO")) {
    if (!IsName()) Expected("interval unit");
    result->names.push_back(Upper(Take().text));
  }
  return result;
}

// RANGE<DATE> '[2024-01-01, 2024-02-01)'.
ExpressionPtr Parser::ParseRangeLiteral() {
  const size_t at = Peek().at;
  SqlType type = ParseType();
  ExpressionPtr result = Make(ExpressionKind::kTyped, at, ExpectText());
  result->type = std::move(type);
  return result;
}

ExpressionPtr Parser::ParseArray() {
  const size_t at = Take().at;
  if (TakeSymbol("(")) {
    ExpressionPtr result = Make(ExpressionKind::kArrayQuery, at);
    CheckBound(++subqueries_, kSubqueriesMax, "subqueries in expressions", result->at);
    result->query = ParseQuery();
    ExpectSymbol(")");
    return result;
  }
  SqlType type;
  if (TakeSymbol("<")) {
    type = SqlType::Array(ParseType());
    ExpectCloseAngle();
  }
  return ParseArrayElements(std::move(type), at);
}

ExpressionPtr Parser::ParseArrayElements(SqlType type, size_t at) {
  ExpressionPtr result = Make(ExpressionKind::kArray, at);
  result->type = std::move(type);
  ExpectSymbol("[");
  if (TakeSymbol("]")) return result;
  do {
    Add(result.get(), ParseExpression());
  } while (TakeSymbol(","));
  ExpectSymbol("]");
  return result;
}

ExpressionPtr Parser::ParseStruct() {
  ExpressionPtr result = Make(ExpressionKind::kStruct, Take().at);
  if (IsSymbol("<")) {
    --at_;
    result->type = ParseType();
  }
  ExpectSymbol("(");
  if (TakeSymbol(")")) return result;
  do {
    Add(result.get(), ParseExpression());
    result->names.push_back(TakeWord("AS") ? ExpectName() : "");
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  return result;
}

ExpressionPtr Parser::ParseParenthesised() {
  if (AtQuery()) {
    ExpressionPtr result = Make(ExpressionKind::kQuery, Take().at);
    CheckBound(++subqueries_, kSubqueriesMax, "subqueries in expressions", result->at);
    result->query = ParseQuery();
    ExpectSymbol(")");
    return result;
  }
  const size_t at = Take().at;
  ExpressionPtr first = ParseExpression();
  if (TakeSymbol(")")) {
    first->parenthesised = true;
    return first;
  }
  if (!IsSymbol(",")) Expected("\",\"");
  // (a, b) is a STRUCT.
  ExpressionPtr result = Make(ExpressionKind::kStruct, at, "TUPLE");
  Add(result.get(), std::move(first));
  while (TakeSymbol(",")) Add(result.get(), ParseExpression());
  result->names.resize(result->args.size());
  ExpectSymbol(")");
  return result;
}

SqlType Parser::ParseType() {
  Nesting nesting(this);
  const Token token = Take();
  CheckBound(++expressions_, kExpressionsMax, "expressions", token.at);
  if (token.upper == "ARRAY") {
    ExpectSymbol("<");
    SqlType element = ParseType();
    if (element.Is(TypeCode::kArray)) Fail(token.at, "Arrays of arrays are not supported");
    ExpectCloseAngle();
    return SqlType::Array(std::move(element));
  }
  if (token.upper == "STRUCT") {
    std::vector<SqlField> fields;
    ExpectSymbol("<");
    do {
      SqlField field;
      const bool named = IsName() && !IsSymbol(",", 1) && !IsSymbol(">", 1) && !IsSymbol(">>", 1) &&
                         !IsSymbol("(", 1);
      if (named) field.name = Take().text;
      field.type = ParseType();
      fields.push_back(std::move(field));
    } while (TakeSymbol(","));
    ExpectCloseAngle();
    return SqlType::Struct(std::move(fields));
  }
  if (token.upper == "RANGE") {
    ExpectSymbol("<");
    SqlType element = ParseType();
    if (!element.Is(TypeCode::kDate) && !element.Is(TypeCode::kDatetime) &&
        !element.Is(TypeCode::kTimestamp)) {
      Fail(token.at, Cat("Unsupported type: RANGE<", GoogleName(element), ">"));
    }
    ExpectCloseAngle();
    return SqlType::Range(std::move(element));
  }
  for (const TypeWord& word : kTypeWords) {
    if (token.upper != word.word || token.kind == TokenKind::kQuotedIdentifier) continue;
    if (TakeSymbol("(")) {
      // STRING(10), NUMERIC(10, 2): the bounds are the engine's to hold, and it does not.
      FailUnsupported(token.at, Cat("Parameterised type ", word.word));
    }
    return word.code;
  }
  if (token.upper == "GEOGRAPHY") FailUnsupported(token.at, "Type GEOGRAPHY");
  if (token.kind != TokenKind::kIdentifier && token.kind != TokenKind::kQuotedIdentifier) {
    FailSyntax(token.at, Cat("Unexpected ", Describe(token)));
  }
  Fail(token.at, Cat("Type not found: ", token.text));
}

}  // namespace afluente::warehouse::googlesql
