// SELECT and set operations.
#include <algorithm>

#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

// SELECT, WITH or a parenthesised query behind an opening parenthesis (which is still ahead when
// the caller has not taken it).
bool Parser::AtQuery() const {
  size_t ahead = 0;
  while (IsSymbol("(", ahead)) ++ahead;
  return Peek(ahead).kind == TokenKind::kKeyword &&
         (Peek(ahead).text.size() == 6 || Peek(ahead).text.size() == 4) &&
         (Peek(ahead).upper == "SELECT" || Peek(ahead).upper == "WITH" ||
          Peek(ahead).upper == "FROM");
}

QueryPtr Parser::ParseQuery() {
  Nesting nesting(this);
  std::vector<CommonTable> with;
  Query head;
  const size_t at = Peek().at;
  if (IsWord("WITH")) ParseWith(&head);
  QueryPtr query = ParseSetOperations();
  // A parenthesised query that has its own WITH or ORDER BY stays apart.
  const bool taken = !query->with.empty() || !query->order.empty() || query->limit != nullptr;
  if (taken) {
    auto outer = std::make_unique<Query>();
    outer->operands.push_back(std::move(query));
    query = std::move(outer);
  }
  query->at = at;
  query->recursive = head.recursive;
  query->with = std::move(head.with);
  if (TakeWord("ORDER")) {
    ExpectWord("BY");
    query->order = ParseOrderBy();
  }
  if (TakeWord("LIMIT")) {
    query->limit = ParseExpression();
    if (TakeWord("OFFSET")) query->offset = ParseExpression();
  }
  return IsSymbol("|>") ? ParsePipes(std::move(query)) : std::move(query);
}

void Parser::ParseWith(Query* query) {
  Take();
  query->recursive = TakeWord("RECURSIVE");
  do {
    CommonTable table;
    table.at = Peek().at;
    table.name = ExpectName();
    ExpectWord("AS");
    ExpectSymbol("(");
    table.query = ParseQuery();
    ExpectSymbol(")");
    for (const CommonTable& other : query->with) {
      if (SameName(other.name, table.name)) {
        Fail(table.at, Cat("Duplicate alias ", table.name, " for WITH subquery"));
      }
    }
    query->with.push_back(std::move(table));
  } while (TakeSymbol(","));
}

std::string Parser::TakeSetOperation() {
  if (!IsWord("UNION") && !IsWord("INTERSECT") && !IsWord("EXCEPT")) return "";
  const Token token = Take();
  if (TakeWord("ALL")) {
    if (token.upper != "UNION") FailUnsupported(token.at, Cat(token.upper, " ALL"));
    return "UNION ALL";
  }
  if (!TakeWord("DISTINCT")) Expected("keyword ALL or keyword DISTINCT");
  return token.upper;
}

QueryPtr Parser::ParseSetOperations() {
  QueryPtr first = ParseQueryPrimary();
  std::string operation = TakeSetOperation();
  if (operation.empty()) return first;
  auto query = std::make_unique<Query>();
  query->at = first->at;
  query->set_operation = operation;
  query->operands.push_back(std::move(first));
  while (true) {
    query->operands.push_back(ParseQueryPrimary());
    const size_t next_at = Peek().at;
    const std::string next = TakeSetOperation();
    if (next.empty()) return query;
    if (next != operation) {
      FailSyntax(next_at,
                 "Different set operations cannot be used in the same query without using "
                 "parentheses for grouping");
    }
  }
}

QueryPtr Parser::ParseQueryPrimary() {
  if (IsSymbol("(")) {
    Take();
    QueryPtr query = ParseQuery();
    ExpectSymbol(")");
    return query;
  }
  auto query = std::make_unique<Query>();
  query->at = Peek().at;
  query->select = ParseSelect();
  return query;
}

std::unique_ptr<Select> Parser::ParseSelect() {
  auto select = std::make_unique<Select>();
  select->at = Peek().at;
  CheckBound(++selects_, kSelectsMax, "SELECTs", select->at);
  if (TakeWord("FROM")) {
    // FROM t alone gives all of it; what follows comes behind |>.
    SelectItem all;
    all.at = select->at;
    all.star = true;
    select->items.push_back(std::move(all));
    select->from = ParseFrom();
    return select;
  }
  ExpectWord("SELECT");
  if (TakeWord("DISTINCT")) {
    select->distinct = true;
  } else {
    TakeWord("ALL");
  }
  if (IsWord("AS") && (IsWord("STRUCT", 1) || IsWord("VALUE", 1))) {
    Take();
    select->as = Take().upper == "STRUCT" ? SelectAs::kStruct : SelectAs::kValue;
  }
  do {
    // A comma may trail the list.
    if (!select->items.empty() && (IsWord("FROM") || Peek().kind == TokenKind::kEnd)) break;
    select->items.push_back(ParseSelectItem());
    CheckBound(select->items.size(), kSelectListMax, "columns in a SELECT list",
               select->items.back().at);
  } while (TakeSymbol(","));
  if (TakeWord("FROM")) select->from = ParseFrom();
  if (TakeWord("WHERE")) select->where = ParseExpression();
  if (TakeWord("GROUP")) ParseGroupBy(select.get());
  if (TakeWord("HAVING")) select->having = ParseExpression();
  if (TakeWord("QUALIFY")) select->qualify = ParseExpression();
  if (TakeWord("WINDOW")) ParseNamedWindows(select.get());
  return select;
}

void Parser::ParseNamedWindows(Select* select) {
  do {
    NamedWindow named;
    named.name = ExpectName();
    ExpectWord("AS");
    if (TakeSymbol("(")) {
      named.window = ParseWindowBody();
      ExpectSymbol(")");
    } else {
      named.window.base = ExpectName();
    }
    select->windows.push_back(std::move(named));
  } while (TakeSymbol(","));
}

SelectItem Parser::ParseSelectItem() {
  SelectItem item;
  item.at = Peek().at;
  if (TakeSymbol("*")) {
    item.star = true;
    ParseStarClauses(&item);
    return item;
  }
  item.expression = ParseExpression();
  if (IsSymbol(".") && IsSymbol("*", 1)) {
    at_ += 2;
    item.star = true;
    ParseStarClauses(&item);
    return item;
  }
  item.alias = OptionalAlias();
  return item;
}

void Parser::ParseStarClauses(SelectItem* item) {
  if (IsWord("EXCEPT") && IsSymbol("(", 1)) {
    Take();
    item->except = ParseNames();
  }
  if (IsWord("REPLACE") && IsSymbol("(", 1)) {
    at_ += 2;
    do {
      ExpressionPtr value = ParseExpression();
      ExpectWord("AS");
      item->replace.emplace_back(ExpectName(), std::move(value));
    } while (TakeSymbol(","));
    ExpectSymbol(")");
  }
}

void Parser::ParseGroupBy(Select* select) {
  ExpectWord("BY");
  select->grouping = Grouping::kPlain;
  if (TakeWord("ALL")) {
    select->grouping = Grouping::kAll;
    return;
  }
  if ((IsWord("ROLLUP") || IsWord("CUBE")) && IsSymbol("(", 1)) {
    select->grouping = Take().upper == "ROLLUP" ? Grouping::kRollup : Grouping::kCube;
  } else if (IsWord("GROUPING") && IsWord("SETS", 1)) {
    at_ += 2;
    select->grouping = Grouping::kSets;
  }
  const size_t at = Peek().at;
  const bool wrapped = select->grouping != Grouping::kPlain;
  if (wrapped) ExpectSymbol("(");
  do {
    if (wrapped && IsSymbol("(")) {
      select->group_by.push_back(ParseGroupingSet());
      continue;
    }
    if (IsWord("ROLLUP") || IsWord("CUBE") || IsWord("GROUPING")) {
      FailUnsupported(Peek().at, "ROLLUP, CUBE or GROUPING SETS beside other grouping items");
    }
    std::vector<ExpressionPtr> one;
    one.push_back(ParseExpression());
    select->group_by.push_back(std::move(one));
  } while (TakeSymbol(","));
  CheckBound(select->group_by.size(), kKeysMax, "GROUP BY keys", at);
  if (select->grouping == Grouping::kCube) {
    CheckBound(select->group_by.size(), kCubeColumnsMax, "columns in CUBE", at);
  }
  if (wrapped) ExpectSymbol(")");
}

std::vector<ExpressionPtr> Parser::ParseGroupingSet() {
  std::vector<ExpressionPtr> set;
  ExpectSymbol("(");
  if (TakeSymbol(")")) return set;
  set = ParseExpressionList();
  ExpectSymbol(")");
  return set;
}

}  // namespace afluente::warehouse::googlesql
