// Pipe syntax: each operator makes the query before it a table of the next one.
#include <utility>

#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

SelectItem Star(size_t at) {
  SelectItem item;
  item.at = at;
  item.star = true;
  return item;
}

// Nothing but FROM and WHERE: the next operator may still add to it.
bool IsPlain(const Query& query) {
  if (query.select == nullptr || !query.order.empty() || query.limit != nullptr) return false;
  const Select& select = *query.select;
  const bool star = select.items.size() == 1 && select.items[0].star &&
                    select.items[0].expression == nullptr && select.items[0].except.empty() &&
                    select.items[0].replace.empty();
  return star && !select.distinct && select.grouping == Grouping::kNone &&
         select.as == SelectAs::kRow && select.from != nullptr && select.qualify == nullptr;
}

}  // namespace

QueryPtr Parser::ParsePipes(QueryPtr query) {
  const size_t at = query->at;
  // What stands before keeps its WITH around all.
  std::vector<CommonTable> with = std::move(query->with);
  const bool recursive = std::exchange(query->recursive, false);
  query->with.clear();
  for (size_t count = 1; TakeSymbol("|>"); ++count) {
    CheckBound(count, kNestingMax, "pipe operators", Peek().at);
    ParsePipe(&query);
  }
  query->at = at;
  query->with = std::move(with);
  query->recursive = recursive;
  return query;
}

// SELECT * FROM (query), whose alias is that of the one table it read.
QueryPtr Parser::WrapForPipe(QueryPtr query) {
  CheckBound(++selects_, kSelectsMax, "SELECTs", query->at);
  auto table = std::make_unique<TableExpression>();
  table->kind = TableKind::kQuery;
  table->at = query->at;
  if (IsPlain(*query)) {
    const TableExpression& from = *query->select->from;
    table->alias = !from.alias.empty()             ? from.alias
                   : from.kind == TableKind::kName ? from.path.back()
                                                   : "";
  }
  table->query = std::move(query);
  auto wrapped = std::make_unique<Query>();
  wrapped->at = table->at;
  wrapped->select = std::make_unique<Select>();
  wrapped->select->at = table->at;
  wrapped->select->items.push_back(Star(table->at));
  wrapped->select->from = std::move(table);
  return wrapped;
}

void Parser::ParsePipe(QueryPtr* query) {
  const size_t at = Peek().at;
  if (IsWord("SELECT")) {
    if (!IsPlain(**query)) *query = WrapForPipe(std::move(*query));
    std::unique_ptr<Select> select = ParseSelect();
    if (select->from != nullptr || select->where != nullptr) {
      FailSyntax(at, "A pipe SELECT has no FROM and no WHERE");
    }
    select->from = std::move((*query)->select->from);
    select->where = std::move((*query)->select->where);
    (*query)->select = std::move(select);
    return;
  }
  if (TakeWord("WHERE")) {
    if (!IsPlain(**query) || (*query)->select->where != nullptr) {
      *query = WrapForPipe(std::move(*query));
    }
    (*query)->select->where = ParseExpression();
    return;
  }
  if (TakeWord("ORDER")) {
    ExpectWord("BY");
    const bool taken = !(*query)->order.empty() || (*query)->limit != nullptr;
    if (taken) *query = WrapForPipe(std::move(*query));
    (*query)->order = ParseOrderBy();
    return;
  }
  if (TakeWord("LIMIT")) {
    if ((*query)->limit != nullptr) *query = WrapForPipe(std::move(*query));
    (*query)->limit = ParseExpression();
    if (TakeWord("OFFSET")) (*query)->offset = ParseExpression();
    return;
  }
  if (!ParseTablePipe(query, at)) Unexpected();
}

// What works on the rows as a whole. False: none of them.
bool Parser::ParseTablePipe(QueryPtr* query, size_t at) {
  if (const std::string operation = TakeSetOperation(); !operation.empty()) {
    auto set = std::make_unique<Query>();
    set->at = at;
    set->set_operation = operation;
    set->operands.push_back(WrapForPipe(std::move(*query)));
    do {
      ExpectSymbol("(");
      set->operands.push_back(ParseQuery());
      ExpectSymbol(")");
    } while (TakeSymbol(","));
    *query = std::move(set);
    return true;
  }
  if (TakeWord("DISTINCT")) {
    *query = WrapForPipe(std::move(*query));
    (*query)->select->distinct = true;
    return true;
  }
  if (TakeWord("AGGREGATE")) {
    if (!IsPlain(**query)) *query = WrapForPipe(std::move(*query));
    ParseAggregatePipe(query->get());
    return true;
  }
  for (const std::string word : {"EXTEND", "SET", "DROP", "RENAME", "AS"}) {
    if (!TakeWord(word)) continue;
    ParseColumnPipe(query, word);
    return true;
  }
  const bool join = IsWord("JOIN") || IsWord("LEFT") || IsWord("RIGHT") || IsWord("FULL") ||
                    IsWord("INNER") || IsWord("CROSS");
  if (join || IsWord("TABLESAMPLE") || IsWord("PIVOT") || IsWord("UNPIVOT")) {
    if (!join || !IsPlain(**query) || (*query)->select->where != nullptr) {
      *query = WrapForPipe(std::move(*query));
    }
    if (join) {
      ParseJoinPipe(query->get());
    } else {
      (*query)->select->from = ParseTableSuffix(std::move((*query)->select->from));
    }
    return true;
  }
  if (IsWord("CALL") || IsWord("WINDOW") || IsWord("WITH")) {
    FailUnsupported(at, Cat("Pipe operator ", Peek().upper));
  }
  return false;
}

// AGGREGATE a, b [GROUP [AND ORDER] BY k1, k2]: keys come first in the result.
void Parser::ParseAggregatePipe(Query* wrapped) {
  Select& select = *wrapped->select;
  std::vector<SelectItem> items;
  while (!IsWord("GROUP") && !IsSymbol("|>") && !IsSymbol(")") && !IsSymbol(";") &&
         Peek().kind != TokenKind::kEnd) {
    items.push_back(ParseSelectItem());
    if (!TakeSymbol(",")) break;
  }
  select.items.clear();
  select.grouping = Grouping::kPlain;
  bool ordered = false;
  if (TakeWord("GROUP")) {
    if (TakeWord("AND")) {
      ExpectWord("ORDER");
      ordered = true;
    }
    ExpectWord("BY");
    do {
      SelectItem key = ParseSelectItem();
      std::vector<ExpressionPtr> one;
      one.push_back(Make(ExpressionKind::kInteger, key.at, Cat(select.items.size() + 1)));
      select.group_by.push_back(std::move(one));
      if (ordered || IsWord("ASC") || IsWord("DESC")) {
        OrderItem order;
        order.expression = Make(ExpressionKind::kInteger, key.at, Cat(select.items.size() + 1));
        order.descending = TakeWord("DESC");
        if (!order.descending) TakeWord("ASC");
        wrapped->order.push_back(std::move(order));
      }
      select.items.push_back(std::move(key));
    } while (TakeSymbol(","));
  }
  if (select.group_by.empty()) select.grouping = Grouping::kNone;
  for (SelectItem& item : items) select.items.push_back(std::move(item));
  if (select.items.empty()) Unexpected();
}

void Parser::ParseColumnPipe(QueryPtr* query, const std::string& word) {
  if (word == "AS") {
    *query = WrapForPipe(std::move(*query));
    (*query)->select->from->alias = ExpectName();
    return;
  }
  if (word != "EXTEND" || !IsPlain(**query)) *query = WrapForPipe(std::move(*query));
  Select& select = *(*query)->select;
  SelectItem& star = select.items[0];
  do {
    if (word == "EXTEND") {
      select.items.push_back(ParseSelectItem());
    } else if (word == "DROP") {
      star.except.push_back(ExpectName());
    } else if (word == "SET") {
      std::string name = ExpectName();
      ExpectSymbol("=");
      star.replace.emplace_back(std::move(name), ParseExpression());
    } else {
      std::string from = ExpectName();
      TakeWord("AS");
      star.rename.emplace_back(std::move(from), ExpectName());
    }
  } while (TakeSymbol(","));
}

void Parser::ParseJoinPipe(Query* wrapped) {
  const size_t at = Peek().at;
  JoinType type;
  ParseJoinType(&type);
  TablePtr join = Join(std::move(wrapped->select->from), ParseTablePrimary(), type, at);
  if (TakeWord("ON")) {
    join->on = ParseExpression();
  } else if (TakeWord("USING")) {
    join->using_columns = ParseNames();
  } else if (type != JoinType::kCross) {
    Expected("keyword ON or keyword USING");
  }
  wrapped->select->from = std::move(join);
}

}  // namespace afluente::warehouse::googlesql
