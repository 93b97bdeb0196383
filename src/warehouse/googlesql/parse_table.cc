// FROM: tables, joins, UNNEST, PIVOT.
#include <algorithm>

#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

TablePtr Parser::Join(TablePtr left, TablePtr right, JoinType type, size_t at) {
  auto join = std::make_unique<TableExpression>();
  join->kind = TableKind::kJoin;
  join->join = type;
  join->at = at;
  join->depth = std::max(left->depth, right->depth) + 1;
  CheckBound(static_cast<size_t>(join->depth), kJoinedTablesMax, "tables in one FROM", at);
  CheckBound(++joins_, kJoinsMax, "joins", at);
  join->left = std::move(left);
  join->right = std::move(right);
  return join;
}

// Joins and commas group from the left.
TablePtr Parser::ParseFrom() {
  TablePtr left = ParseTablePrimary();
  while (true) {
    const size_t at = Peek().at;
    JoinType type;
    if (!ParseJoinType(&type)) return left;
    if (IsWord("LATERAL")) FailUnsupported(Peek().at, "LATERAL");
    left = Join(std::move(left), ParseTablePrimary(), type, at);
    if (type == JoinType::kCross || type == JoinType::kComma) continue;
    if (TakeWord("ON")) {
      left->on = ParseExpression();
    } else if (TakeWord("USING")) {
      left->using_columns = ParseNames();
    } else if (left->right->kind != TableKind::kUnnest && left->right->path.size() < 2) {
      Expected("keyword ON or keyword USING");
    }
  }
}

bool Parser::ParseJoinType(JoinType* type) {
  if (IsWord("NATURAL")) FailUnsupported(Peek().at, "NATURAL JOIN");
  *type = JoinType::kInner;
  if (TakeSymbol(",")) {
    *type = JoinType::kComma;
    return true;
  }
  if (TakeWord("CROSS")) {
    *type = JoinType::kCross;
  } else if (TakeWord("INNER")) {
    *type = JoinType::kInner;
  } else if (TakeWord("LEFT")) {
    *type = JoinType::kLeft;
  } else if (TakeWord("RIGHT")) {
    *type = JoinType::kRight;
  } else if (TakeWord("FULL")) {
    *type = JoinType::kFull;
  } else {
    return TakeWord("JOIN");
  }
  if (*type != JoinType::kCross && *type != JoinType::kInner) TakeWord("OUTER");
  ExpectWord("JOIN");
  return true;
}

TablePtr Parser::ParseTablePrimary() {
  Nesting nesting(this);
  if (IsWord("UNNEST")) return ParseUnnest();
  auto table = std::make_unique<TableExpression>();
  table->at = Peek().at;
  if (IsSymbol("(")) {
    if (AtQuery()) {
      Take();
      table->kind = TableKind::kQuery;
      table->query = ParseQuery();
      ExpectSymbol(")");
    } else {
      Take();
      TablePtr inner = ParseFrom();
      ExpectSymbol(")");
      return inner;
    }
  } else {
    if (!IsName()) Unexpected();
    table->path = ParsePath().parts;
    if (IsSymbol("(")) ParseTableArguments(table.get());
  }
  return ParseTableSuffix(std::move(table));
}

void Parser::ParseTableArguments(TableExpression* table) {
  table->kind = TableKind::kFunction;
  ExpectSymbol("(");
  if (TakeSymbol(")")) return;
  do {
    if (IsName() && IsSymbol("=>", 1)) at_ += 2;
    if (TakeWord("TABLE")) {
      table->table_argument = ParsePath().parts;
    } else {
      table->arguments.push_back(ParseExpression());
    }
  } while (TakeSymbol(","));
  ExpectSymbol(")");
}

TablePtr Parser::ParseUnnest() {
  auto table = std::make_unique<TableExpression>();
  table->kind = TableKind::kUnnest;
  table->at = Take().at;
  ExpectSymbol("(");
  table->unnest = ParseExpression();
  if (IsSymbol(",")) FailUnsupported(Peek().at, "UNNEST of several arrays");
  ExpectSymbol(")");
  return ParseTableSuffix(std::move(table));
}

TablePtr Parser::ParseTableSuffix(TablePtr table) {
  auto pivot_ahead = [this] {
    return (IsWord("PIVOT") || IsWord("UNPIVOT")) &&
           (IsSymbol("(", 1) || IsWord("INCLUDE", 1) || IsWord("EXCLUDE", 1));
  };
  if (IsWord("MATCH_RECOGNIZE") && IsSymbol("(", 1)) {
    FailUnsupported(Peek().at, "MATCH_RECOGNIZE");
  }
  if (IsWord("FOR") && (IsWord("SYSTEM_TIME", 1) || IsWord("SYSTEM", 1))) {
    FailUnsupported(Peek().at, "FOR SYSTEM_TIME AS OF");
  }
  if (!pivot_ahead() && !IsWord("TABLESAMPLE")) table->alias = OptionalAlias();
  if (TakeWords("WITH", "OFFSET")) {
    table->with_offset = true;
    table->offset_alias = OptionalAlias();
    if (table->offset_alias.empty()) table->offset_alias = "offset";
  }
  if (IsWord("FOR") && IsWord("SYSTEM_TIME", 1)) {
    FailUnsupported(Peek().at, "FOR SYSTEM_TIME AS OF");
  }
  while (pivot_ahead()) {
    table = IsWord("PIVOT") ? ParsePivot(std::move(table)) : ParseUnpivot(std::move(table));
    table->alias = OptionalAlias();
  }
  if (TakeWord("TABLESAMPLE")) {
    ExpectWord("SYSTEM");
    ExpectSymbol("(");
    if (Peek().kind != TokenKind::kInteger && Peek().kind != TokenKind::kFloat) {
      Expected("a number of percent");
    }
    table->sample = Take().text;
    ExpectWord("PERCENT");
    ExpectSymbol(")");
  }
  return table;
}

TablePtr Parser::ParsePivot(TablePtr table) {
  auto result = std::make_unique<TableExpression>();
  result->kind = TableKind::kPivot;
  result->at = Take().at;
  result->depth = table->depth + 1;
  result->left = std::move(table);
  result->pivot = std::make_unique<PivotClause>();
  PivotClause& pivot = *result->pivot;
  ExpectSymbol("(");
  do {
    pivot.aggregates.push_back(ParseExpression());
    pivot.aggregate_aliases.push_back(IsWord("FOR") ? "" : OptionalAlias());
  } while (TakeSymbol(","));
  ExpectWord("FOR");
  // IN must not be taken as an operator of the column.
  pivot.input = ParseOperators(0);
  ExpectWord("IN");
  ExpectSymbol("(");
  do {
    PivotClause::Value value;
    value.expression = ParseExpression();
    value.alias = OptionalAlias();
    pivot.values.push_back(std::move(value));
    CheckBound(pivot.values.size(), kKeysMax, "values in PIVOT", result->at);
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  ExpectSymbol(")");
  return result;
}

TablePtr Parser::ParseUnpivot(TablePtr table) {
  auto result = std::make_unique<TableExpression>();
  result->kind = TableKind::kUnpivot;
  result->at = Take().at;
  result->depth = table->depth + 1;
  result->left = std::move(table);
  result->pivot = std::make_unique<PivotClause>();
  PivotClause& pivot = *result->pivot;
  pivot.include_nulls = TakeWords("INCLUDE", "NULLS");
  if (!pivot.include_nulls) TakeWords("EXCLUDE", "NULLS");
  auto columns = [this] {
    return IsSymbol("(") ? ParseNames() : std::vector<std::string>{ExpectName()};
  };
  ExpectSymbol("(");
  pivot.value_columns = columns();
  ExpectWord("FOR");
  pivot.name_column = ExpectName();
  ExpectWord("IN");
  ExpectSymbol("(");
  do {
    PivotClause::Value value;
    value.columns = columns();
    if (value.columns.size() != pivot.value_columns.size()) {
      Fail(result->at, "UNPIVOT's columns must be as many as its values");
    }
    if (TakeWord("AS")) value.name = ParsePrimary();
    pivot.values.push_back(std::move(value));
    CheckBound(pivot.values.size(), kKeysMax, "columns in UNPIVOT", result->at);
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  ExpectSymbol(")");
  return result;
}

}  // namespace afluente::warehouse::googlesql
