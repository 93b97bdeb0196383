#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "warehouse/googlesql/sql_type.h"

namespace afluente::warehouse::googlesql {

struct Expression;
struct Query;
struct TableExpression;
using ExpressionPtr = std::unique_ptr<Expression>;
using QueryPtr = std::unique_ptr<Query>;
using TablePtr = std::unique_ptr<TableExpression>;

enum class ExpressionKind {
  kNull,
  kBool,       // text: TRUE or FALSE
  kInteger,    // text: digits or 0x...
  kFloat,      // text
  kString,     // text: the value
  kBytes,      // text: the value
  kTyped,      // DATE '...': text the value, type
  kInterval,   // args[0] the amount, text the unit
  kParameter,  // text
  kName,       // text; a path is kField over kName
  kField,      // args[0].text
  kSubscript,  // args[0][args[1]]; text: OFFSET, ORDINAL, SAFE_OFFSET, SAFE_ORDINAL or empty
  kUnary,      // text: - + ~ NOT
  kBinary,     // text: the operator; AND, OR and || hold all operands of a chain
  kCompare,    // text
  kLike,       // args: value, pattern; text: LIKE; negated
  kBetween,    // args: value, low, high; negated
  kIn,         // args[0] in args[1..] or query or UNNEST(args[1]) when text is UNNEST; negated
  kIs,         // text: NULL TRUE FALSE; negated
  kDistinct,   // args[0] IS [NOT] DISTINCT FROM args[1]; negated = NOT
  kCase,       // text SIMPLE: args[0] the value; then WHEN, THEN pairs; last ELSE when odd
  kCast,       // type; text SAFE for SAFE_CAST
  kExtract,    // args[0] from; text the part; args[1] the time zone
  kArray,      // args; type ARRAY<...> when written
  kStruct,     // args, names; type when written
  kQuery,      // scalar subquery
  kArrayQuery,
  kExists,
  kCall,
  kDatePart,  // DAY, WEEK(MONDAY), as an argument
  kDefault,   // DEFAULT in DML
};

struct OrderItem {
  ExpressionPtr expression;
  bool descending = false;
  std::optional<bool> nulls_first;
};

struct FrameBound {
  enum class Kind { kUnboundedPreceding, kPreceding, kCurrentRow, kFollowing, kUnboundedFollowing };
  Kind kind = Kind::kCurrentRow;
  ExpressionPtr offset;
};

struct WindowFrame {
  std::string unit;  // ROWS or RANGE
  FrameBound start;
  std::optional<FrameBound> end;
};

struct Window {
  std::string base;  // a named window
  size_t at = 0;
  std::vector<ExpressionPtr> partition;
  std::vector<OrderItem> order;
  std::optional<WindowFrame> frame;
};

// A function call's parts besides its arguments.
struct CallClauses {
  std::vector<std::string> path;   // the function's name as written, by parts
  std::vector<std::string> named;  // of each argument; empty: by position
  bool star = false;               // COUNT(*)
  bool distinct = false;
  bool safe = false;
  std::string nulls;   // IGNORE or RESPECT
  std::string having;  // MAX or MIN
  ExpressionPtr having_by;
  std::vector<OrderItem> order;
  ExpressionPtr limit;
  std::unique_ptr<Window> over;
};

// A node of the syntax tree: owned by its parent; `at` is its first byte in the statement.
struct Expression {
  ExpressionKind kind = ExpressionKind::kNull;
  size_t at = 0;
  int depth = 1;
  bool negated = false;
  bool parenthesised = false;
  std::string text;
  std::vector<ExpressionPtr> args;
  std::vector<std::string> names;
  SqlType type;
  QueryPtr query;
  std::unique_ptr<CallClauses> call;
};

struct SelectItem {
  size_t at = 0;
  bool star = false;  // * or expression.*
  ExpressionPtr expression;
  std::string alias;
  std::vector<std::string> except;
  std::vector<std::pair<std::string, ExpressionPtr>> replace;
  std::vector<std::pair<std::string, std::string>> rename;
};

enum class TableKind { kName, kQuery, kUnnest, kJoin, kFunction, kPivot, kUnpivot };
enum class JoinType { kComma, kCross, kInner, kLeft, kRight, kFull };

// What PIVOT and UNPIVOT say; the table that they change is `left`.
struct PivotClause {
  struct Value {
    ExpressionPtr expression;          // PIVOT
    std::vector<std::string> columns;  // UNPIVOT
    std::string alias;
    ExpressionPtr name;  // UNPIVOT: AS 'text' or a number
  };
  std::vector<ExpressionPtr> aggregates;
  std::vector<std::string> aggregate_aliases;
  ExpressionPtr input;                     // PIVOT: FOR
  std::vector<std::string> value_columns;  // UNPIVOT
  std::string name_column;
  bool include_nulls = false;
  std::vector<Value> values;
};

struct TableExpression {
  TableKind kind = TableKind::kName;
  size_t at = 0;
  int depth = 1;
  std::vector<std::string> path;
  QueryPtr query;
  ExpressionPtr unnest;
  std::string alias;
  bool with_offset = false;
  std::string offset_alias;
  std::vector<ExpressionPtr> arguments;     // of a table function
  std::vector<std::string> table_argument;  // RANGE_SESSIONIZE's: TABLE path
  std::unique_ptr<PivotClause> pivot;
  std::string sample;  // TABLESAMPLE's percentage
  JoinType join = JoinType::kInner;
  TablePtr left;
  TablePtr right;
  ExpressionPtr on;
  std::vector<std::string> using_columns;
};

struct NamedWindow {
  std::string name;
  Window window;
};

enum class Grouping { kNone, kPlain, kRollup, kCube, kSets, kAll };
enum class SelectAs { kRow, kStruct, kValue };

struct Select {
  size_t at = 0;
  bool distinct = false;
  SelectAs as = SelectAs::kRow;
  std::vector<SelectItem> items;
  TablePtr from;
  ExpressionPtr where;
  Grouping grouping = Grouping::kNone;
  std::vector<std::vector<ExpressionPtr>> group_by;  // plain: sets of one
  ExpressionPtr having;
  ExpressionPtr qualify;
  std::vector<NamedWindow> windows;
};

struct CommonTable {
  std::string name;
  size_t at = 0;
  QueryPtr query;
};

// SELECT, a set operation over `operands`, or a parenthesised query, with what surrounds it.
struct Query {
  size_t at = 0;
  int depth = 1;
  bool recursive = false;
  std::vector<CommonTable> with;
  std::unique_ptr<Select> select;
  std::string set_operation;  // UNION ALL, UNION, INTERSECT, EXCEPT
  std::vector<QueryPtr> operands;
  std::vector<OrderItem> order;
  ExpressionPtr limit;
  ExpressionPtr offset;
};

}  // namespace afluente::warehouse::googlesql
