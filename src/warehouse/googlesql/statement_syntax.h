#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "warehouse/googlesql/syntax.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::warehouse::googlesql {

struct NamePath {
  std::vector<std::string> parts;
  size_t at = 0;
};

struct Assignment {
  std::string column;
  std::vector<std::string> path;  // of a field inside the column
  size_t at = 0;
  ExpressionPtr value;
};

struct MergeBranch {
  enum class When { kMatched, kNotMatchedByTarget, kNotMatchedBySource };
  When when = When::kMatched;
  size_t at = 0;
  ExpressionPtr condition;
  std::string action;  // INSERT, INSERT ROW, UPDATE or DELETE
  std::vector<std::string> columns;
  std::vector<ExpressionPtr> values;
  std::vector<Assignment> assignments;
};

struct ColumnDefinition {
  std::string name;
  size_t at = 0;
  SqlType type;
  bool required = false;
  std::string description;
  ExpressionPtr default_value;
};

struct OptionValue {
  std::string name;
  size_t at = 0;
  ExpressionPtr value;
};

// One part of ALTER: "ADD COLUMN", "DROP COLUMN", "RENAME COLUMN", "RENAME TO", "SET OPTIONS",
// "SET DATA TYPE", "SET DEFAULT", "DROP DEFAULT", "DROP NOT NULL", "COLUMN OPTIONS".
struct AlterAction {
  std::string action;
  size_t at = 0;
  std::string column;
  std::string new_name;
  bool if_exists = false;  // also IF NOT EXISTS
  ColumnDefinition definition;
  std::vector<OptionValue> options;
};

struct ArgumentDefinition {
  std::string name;
  size_t at = 0;
  std::string mode;
  bool any_type = false;
  bool table = false;  // TABLE<...>
  SqlType type;
};

// CREATE FUNCTION, TABLE FUNCTION or PROCEDURE.
struct RoutineDefinition {
  RoutineKind kind = RoutineKind::kFunction;
  std::vector<ArgumentDefinition> arguments;
  std::optional<SqlType> result;
  std::string language = "SQL";
  std::string code;  // JavaScript's, or what an SQL body's text is
  ExpressionPtr body;
  QueryPtr query;
};

// One statement; which members are used depends on `kind`.
struct ParsedStatement {
  StatementKind kind = StatementKind::kQuery;
  size_t at = 0;
  NamePath target;
  std::string alias;
  bool if_exists = false;
  bool if_not_exists = false;
  bool or_replace = false;
  bool cascade = false;
  QueryPtr query;  // the query, INSERT's source, AS of CREATE
  std::vector<std::string> columns;
  size_t columns_at = 0;
  std::vector<std::vector<ExpressionPtr>> rows;  // VALUES
  std::vector<Assignment> assignments;
  TablePtr from;  // UPDATE's FROM, MERGE's source
  ExpressionPtr where;
  std::vector<MergeBranch> branches;
  std::vector<ColumnDefinition> definitions;
  bool temporary = false;
  bool materialized = false;
  std::string copy;  // LIKE, COPY, CLONE or SNAPSHOT, of `source`
  NamePath source;
  std::string query_text;
  std::vector<OptionValue> options;
  std::vector<AlterAction> actions;
  std::unique_ptr<RoutineDefinition> routine;
  std::string text;  // a routine's own
  ExpressionPtr partition_by;
  std::vector<std::string> clustering;
};

}  // namespace afluente::warehouse::googlesql
