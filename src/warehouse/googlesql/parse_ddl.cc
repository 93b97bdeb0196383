// CREATE, ALTER, DROP and EXPORT.
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

bool Parser::TakeIfExists() {
  if (!TakeWord("IF")) return false;
  ExpectWord("EXISTS");
  return true;
}

bool Parser::TakeIfNotExists() {
  if (!TakeWord("IF")) return false;
  ExpectWord("NOT");
  ExpectWord("EXISTS");
  return true;
}

std::string Parser::TextSince(size_t at) const {
  return std::string(text_.substr(at, tokens_[at_ - 1].end - at));
}

void Parser::ParseCreate(ParsedStatement* statement) {
  statement->or_replace = TakeWords("OR", "REPLACE");
  statement->temporary = TakeWord("TEMP") || TakeWord("TEMPORARY");
  if (TakeWords("TABLE", "FUNCTION")) {
    return ParseRoutine(statement, RoutineKind::kTableFunction);
  }
  if (TakeWord("FUNCTION")) return ParseRoutine(statement, RoutineKind::kFunction);
  if (TakeWord("PROCEDURE")) return ParseRoutine(statement, RoutineKind::kProcedure);
  for (std::string_view word : {"EXTERNAL", "MODEL", "AGGREGATE", "SEARCH", "ROW", "VECTOR",
                                "CAPACITY", "RESERVATION", "ASSIGNMENT"}) {
    if (IsWord(word)) FailUnsupported(Peek().at, Cat("CREATE ", word));
  }
  if (TakeWord("TABLE")) {
    statement->kind = StatementKind::kCreateTable;
  } else if (TakeWords("SNAPSHOT", "TABLE")) {
    statement->kind = StatementKind::kCreateTable;
    statement->copy = "SNAPSHOT";
  } else if (TakeWords("MATERIALIZED", "VIEW")) {
    statement->kind = StatementKind::kCreateView;
    statement->materialized = true;
  } else if (TakeWord("VIEW")) {
    statement->kind = StatementKind::kCreateView;
  } else if (TakeWord("SCHEMA")) {
    statement->kind = StatementKind::kCreateSchema;
  } else {
    Unexpected();
  }
  const bool table = statement->kind == StatementKind::kCreateTable;
  if (statement->temporary && !table) {
    FailUnsupported(statement->at, "CREATE TEMP of anything but a table or function");
  }
  statement->if_not_exists = TakeIfNotExists();
  statement->target = ParsePath();
  if (table) return ParseCreateTable(statement);
  if (statement->kind == StatementKind::kCreateView) return ParseView(statement);
  if (IsWord("DEFAULT")) FailUnsupported(Peek().at, "DEFAULT COLLATE");
  if (IsWord("OPTIONS")) statement->options = ParseOptions();
}

void Parser::ParseView(ParsedStatement* statement) {
  statement->columns_at = Peek().at;
  if (IsSymbol("(")) statement->columns = ParseNames();
  ParseLayout(statement);
  ExpectWord("AS");
  const size_t at = Peek().at;
  statement->query = ParseQuery();
  statement->query_text = TextSince(at);
}

void Parser::ParseCreateTable(ParsedStatement* statement) {
  if (statement->copy == "SNAPSHOT") {
    ExpectWord("CLONE");
    return ParseCopy(statement);
  }
  for (std::string_view word : {"LIKE", "COPY", "CLONE"}) {
    if (!TakeWord(word)) continue;
    statement->copy = word;
    return ParseCopy(statement);
  }
  if (TakeSymbol("(")) ParseTableContents(statement);
  ParseLayout(statement);
  if (TakeWord("AS")) statement->query = ParseQuery();
}

void Parser::ParseCopy(ParsedStatement* statement) {
  statement->source = ParsePath();
  if (IsWord("FOR")) FailUnsupported(Peek().at, "FOR SYSTEM_TIME AS OF");
  ParseLayout(statement);
  if (TakeWord("AS")) statement->query = ParseQuery();
}

void Parser::ParseTableContents(ParsedStatement* statement) {
  do {
    if (IsSymbol(")")) break;
    for (std::string_view word : {"PRIMARY", "FOREIGN", "CONSTRAINT"}) {
      if (IsWord(word) && (IsWord("KEY", 1) || word == "CONSTRAINT")) {
        FailUnsupported(Peek().at, "A table constraint");
      }
    }
    statement->definitions.push_back(ParseColumnDefinition());
  } while (TakeSymbol(","));
  ExpectSymbol(")");
}

// PARTITION BY, CLUSTER BY and OPTIONS, in this order.
void Parser::ParseLayout(ParsedStatement* statement) {
  if (IsWord("DEFAULT")) FailUnsupported(Peek().at, "DEFAULT COLLATE");
  if (TakeWord("PARTITION")) {
    ExpectWord("BY");
    statement->partition_by = ParseExpression();
  }
  if (TakeWord("CLUSTER")) {
    ExpectWord("BY");
    do {
      statement->clustering.push_back(ExpectName());
    } while (TakeSymbol(","));
  }
  if (IsWord("OPTIONS")) statement->options = ParseOptions();
}

ColumnDefinition Parser::ParseColumnDefinition() {
  ColumnDefinition column;
  column.at = Peek().at;
  column.name = ExpectName();
  column.type = ParseType();
  while (true) {
    if (IsWord("COLLATE")) FailUnsupported(Peek().at, "COLLATE");
    if (IsWord("PRIMARY") || IsWord("REFERENCES")) {
      FailUnsupported(Peek().at, "A table constraint");
    }
    if (TakeWord("DEFAULT")) {
      column.default_value = ParseExpression();
    } else if (TakeWords("NOT", "NULL")) {
      column.required = true;
    } else if (IsWord("OPTIONS")) {
      column.description = ParseDescription();
    } else {
      return column;
    }
  }
}

void Parser::ParseAlter(ParsedStatement* statement) {
  statement->kind = StatementKind::kAlterTable;
  if (!TakeWord("TABLE") && !TakeWord("VIEW")) {
    FailUnsupported(statement->at, Cat("ALTER ", Peek().upper));
  }
  statement->if_exists = TakeIfExists();
  statement->target = ParsePath();
  do {
    statement->actions.push_back(ParseAlterAction());
  } while (TakeSymbol(","));
}

AlterAction Parser::ParseAlterAction() {
  AlterAction action;
  action.at = Peek().at;
  if (TakeWords("ADD", "COLUMN")) {
    action.action = "ADD COLUMN";
    action.if_exists = TakeIfNotExists();
    action.definition = ParseColumnDefinition();
  } else if (TakeWords("DROP", "COLUMN")) {
    action.action = "DROP COLUMN";
    action.if_exists = TakeIfExists();
    action.column = ExpectName();
  } else if (TakeWords("RENAME", "TO")) {
    action.action = "RENAME TO";
    action.new_name = ExpectName();
  } else if (TakeWords("RENAME", "COLUMN")) {
    action.action = "RENAME COLUMN";
    action.if_exists = TakeIfExists();
    action.column = ExpectName();
    ExpectWord("TO");
    action.new_name = ExpectName();
  } else if (TakeWords("ALTER", "COLUMN")) {
    ParseAlterColumn(&action);
  } else if (TakeWord("SET")) {
    if (!IsWord("OPTIONS")) FailUnsupported(action.at, Cat("ALTER TABLE SET ", Peek().upper));
    action.action = "SET OPTIONS";
    action.options = ParseOptions();
  } else {
    if (IsWord("ADD") || IsWord("DROP")) FailUnsupported(action.at, "A table constraint");
    Unexpected();
  }
  return action;
}

void Parser::ParseAlterColumn(AlterAction* action) {
  action->if_exists = TakeIfExists();
  action->column = ExpectName();
  if (TakeWords("DROP", "DEFAULT")) {
    action->action = "DROP DEFAULT";
  } else if (TakeWord("DROP")) {
    ExpectWord("NOT");
    ExpectWord("NULL");
    action->action = "DROP NOT NULL";
  } else {
    ExpectWord("SET");
    if (TakeWord("DATA")) {
      ExpectWord("TYPE");
      action->action = "SET DATA TYPE";
      action->definition.at = Peek().at;
      action->definition.type = ParseType();
    } else if (TakeWord("DEFAULT")) {
      action->action = "SET DEFAULT";
      action->definition.default_value = ParseExpression();
    } else {
      if (!IsWord("OPTIONS")) Expected("keyword OPTIONS");
      action->action = "COLUMN OPTIONS";
      action->definition.description = ParseDescription();
    }
  }
}

void Parser::ParseDrop(ParsedStatement* statement) {
  if (TakeWords("TABLE", "FUNCTION") || TakeWord("FUNCTION") || TakeWord("PROCEDURE")) {
    const std::string word = tokens_[at_ - 1].upper;
    const bool table = tokens_[at_ - 2].upper == "TABLE";
    statement->kind = StatementKind::kDropRoutine;
    statement->routine = std::make_unique<RoutineDefinition>();
    statement->routine->kind = table                 ? RoutineKind::kTableFunction
                               : word == "PROCEDURE" ? RoutineKind::kProcedure
                                                     : RoutineKind::kFunction;
  } else if (TakeWord("TABLE") || TakeWords("SNAPSHOT", "TABLE")) {
    statement->kind = StatementKind::kDropTable;
  } else if (TakeWord("VIEW") || TakeWords("MATERIALIZED", "VIEW")) {
    statement->kind = StatementKind::kDropView;
  } else if (TakeWord("SCHEMA")) {
    statement->kind = StatementKind::kDropSchema;
  } else {
    for (std::string_view word : {"EXTERNAL", "SEARCH", "ROW", "ALL", "VECTOR", "MODEL"}) {
      if (IsWord(word)) FailUnsupported(Peek().at, Cat("DROP ", word));
    }
    Unexpected();
  }
  statement->if_exists = TakeIfExists();
  statement->target = ParsePath();
  if (statement->kind != StatementKind::kDropSchema) return;
  if (TakeWord("CASCADE")) {
    statement->cascade = true;
  } else {
    TakeWord("RESTRICT");
  }
}

void Parser::ParseExport(ParsedStatement* statement) {
  statement->kind = StatementKind::kExport;
  if (!IsWord("OPTIONS")) Expected("keyword OPTIONS");
  statement->options = ParseOptions();
  ExpectWord("AS");
  statement->query = ParseQuery();
}

std::vector<OptionValue> Parser::ParseOptions() {
  Take();
  ExpectSymbol("(");
  std::vector<OptionValue> options;
  if (TakeSymbol(")")) return options;
  do {
    OptionValue option;
    option.at = Peek().at;
    option.name = Lower(ExpectName());
    ExpectSymbol("=");
    option.value = ParseExpression();
    options.push_back(std::move(option));
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  return options;
}

std::string Parser::ParseDescription() {
  std::string description;
  for (const OptionValue& option : ParseOptions()) {
    if (option.name != "description") FailUnsupported(option.at, Cat("Option ", option.name));
    if (option.value->kind == ExpressionKind::kNull) continue;
    if (option.value->kind != ExpressionKind::kString) {
      FailSyntax(option.value->at, "Expected string literal");
    }
    description = option.value->text;
  }
  return description;
}

}  // namespace afluente::warehouse::googlesql
