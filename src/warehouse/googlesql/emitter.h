#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "warehouse/googlesql/scope.h"
#include "warehouse/googlesql/statement_syntax.h"
#include "warehouse/googlesql/syntax.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::warehouse::googlesql {

struct CallContext;
struct Function;

// A function's SQL transform has rules of its own; absent for ordinary statements.
struct TransformRules {
  std::string source;
  std::string publish_time;  // the message's, in DuckDB's words, once FROM is emitted
  std::string message_index;
  std::string data;                   // the message's document
  std::string values;                 // the list of what `paths` find in it, parsed once
  std::vector<std::string> paths;     // DuckDB's, in the order of first use
  std::vector<std::string> ordinals;  // positions inside UNNEST, in order
};

// Resolves names, tells types and writes DuckDB's SQL for one statement. Lives for one
// translation; throws SqlError.
class Emitter {
 public:
  Emitter(const CatalogView& catalog, const TranslateOptions& options, Translation* translation)
      : catalog_(catalog), options_(options), translation_(translation) {}

  void set_transform(TransformRules* rules) { transform_ = rules; }

  void EmitStatement(const ParsedStatement& statement);
  void EmitRow(const std::vector<const Expression*>& expressions,
               const std::vector<SqlType>& targets);
  QueryOutput EmitQuery(const Query& query, const Scope* outer, bool with_order_keys = false);
  Emitted Emit(const Expression& expression, const Scope& scope);

  // For the functions that write themselves.
  void MarkNotDeterministic(const Expression& call);
  TransformRules* transform() const { return transform_; }
  // A lambda parameter's name that nothing else uses.
  std::string UniqueName(std::string_view prefix);
  std::string EmitWhere(const Select& select, const Scope& scope);
  std::optional<TableSchema> LookedUpTable(const Select& select);
  void NoteOrder(const OrderItem& item, const std::string& key, const Scope& scope);
  std::string EmitOrder(const std::vector<OrderItem>& order, const Scope& scope);
  std::string EmitWindow(const Window& window, const Scope& scope);
  Emitted EmitCast(Emitted value, const SqlType& target, bool safe, size_t at);

  // FROM, also used by the transform's rules.
  std::string EmitFrom(const TableExpression& table, Scope* scope);
  // The SELECT list with stars expanded.
  std::vector<SelectAlias> EmitItems(const Select& select, const Scope& scope);
  std::vector<ScopeColumn> NameColumns(const std::vector<SelectAlias>& items);

 private:
  struct CommonTableEntry {
    std::string name;
    std::string sql;
    std::vector<ScopeColumn> columns;
    SelectAs as = SelectAs::kRow;
  };

  // Expressions.
  Emitted EmitInterval(const Expression& expression, const Scope& scope);
  Emitted EmitLiteral(const Expression& expression);
  Emitted EmitRangeLiteral(const Expression& expression);
  Emitted EmitTypedLiteral(const Expression& expression);
  Emitted EmitParameter(const Expression& expression);
  Emitted BoundParameter(const std::string& name, const SqlType& type, size_t at);
  bool FindVariable(const std::string& name, size_t at, Emitted* found);
  Emitted EmitName(const Expression& expression, const Scope& scope);
  bool FindName(std::string_view name, size_t at, const Scope& scope, Emitted* found);
  std::optional<Emitted> EmitQualified(const Expression& expression, const Scope& scope);
  Emitted EmitField(const Expression& expression, const Scope& scope);
  Emitted FieldOf(Emitted base, const std::string& name, size_t at);
  Emitted EmitSubscript(const Expression& expression, const Scope& scope);
  Emitted EmitUnary(const Expression& expression, const Scope& scope);
  Emitted EmitBinary(const Expression& expression, const Scope& scope);
  Emitted EmitArithmetic(const Expression& expression, Emitted left, Emitted right);
  Emitted EmitCompare(const Expression& expression, const Scope& scope);
  Emitted EmitIn(const Expression& expression, const Scope& scope);
  Emitted EmitPredicate(const Expression& expression, const Scope& scope);
  Emitted EmitCase(const Expression& expression, const Scope& scope);
  Emitted EmitExtract(const Expression& expression, const Scope& scope);
  Emitted EmitArray(const Expression& expression, const Scope& scope);
  Emitted EmitStruct(const Expression& expression, const Scope& scope);
  Emitted EmitSubquery(const Expression& expression, const Scope& scope);
  Emitted EmitCall(const Expression& expression, const Scope& scope);
  Emitted EmitRoutineCall(const Expression& call, const Scope& scope);
  Emitted EmitArgument(Emitted value, const SqlType& type, size_t at);
  Emitted InlineFunction(const Expression& call, const RoutineDefinition& definition,
                         std::vector<Emitted> args);
  Emitted EmitJavaScript(const Routine& routine, const RoutineDefinition& definition,
                         const std::vector<Emitted>& args);
  std::shared_ptr<const Routine> FindRoutine(const std::vector<std::string>& path, size_t at);
  const ParsedStatement& ParsedRoutine(const Routine& routine);
  void CountInlined(size_t at);
  static std::vector<std::string> SplitPath(const std::vector<std::string>& path);
  void CheckFunctionBody(const RoutineDefinition& definition);
  Emitted EmitAggregate(const Function& function, CallContext* context, const Scope& scope);
  const Window* FindWindow(const std::string& name, size_t at, const Scope& scope);
  std::string EmitFrame(const WindowFrame& frame, const Scope& scope);
  std::string EmitBound(const FrameBound& bound, const Scope& scope);
  Emitted Conform(Emitted value, const SqlType& target);
  void CheckComparable(const Emitted& a, const Emitted& b, std::string_view what, size_t at);

  // Queries.
  std::string EmitWith(const Query& query, const Scope* outer);
  QueryOutput EmitSelect(const Query& query, const Scope* outer, bool with_order_keys);
  QueryOutput EmitSetOperation(const Query& query, const Scope* outer);
  void ConformOperand(const std::vector<ScopeColumn>& first, QueryOutput* operand);
  std::string EmitGrouping(const Select& select, const Scope& scope);
  std::string EmitGroupingItem(const Expression& expression, const Scope& scope);
  std::string EmitOrderKey(const OrderItem& item, const Scope& scope);
  std::string EmitLimit(const Query& query, const Scope* outer);
  void ExpandStar(const SelectItem& item, const Scope& scope, std::vector<SelectAlias>* out);
  std::string EmitTable(const TableExpression& table, Scope* scope);
  std::optional<std::string> EmitMessages(const TableExpression& table, Scope* scope);
  std::string EmitNamedTable(const TableExpression& table, Scope* scope);
  std::string EmitTableFunction(const TableExpression& table, Scope* scope);
  std::string EmitRangeSessionize(const TableExpression& table, Scope* scope);
  std::string EmitPivot(const TableExpression& table, Scope* scope);
  std::string EmitUnpivot(const TableExpression& table, Scope* scope);
  std::string EmitWildcard(const TableExpression& table, const TableName& name, Scope* scope);
  void AddPartitionColumns(const std::string& id, std::vector<ScopeColumn>* columns);
  void NotePartitionFilter(const TableSchema& table);
  void CheckPartitionFilters(const Expression* where, size_t at);
  static bool IsJobsView(std::string_view name);
  std::string EmitJobs(const TableExpression& table, const std::vector<std::string>& path,
                       Scope* scope);
  static bool IsInformationSchema(const std::vector<std::string>& path);
  std::string EmitInformationSchema(const TableExpression& table,
                                    const std::vector<std::string>& path, Scope* scope);
  std::string EmitUnnest(const TableExpression& table, const Emitted& array, Scope* scope);
  std::string EmitJoin(const TableExpression& table, Scope* scope);
  std::string EmitUsing(const TableExpression& table, Scope* scope, Scope* right);
  void AddRange(RangeVariable range, Scope* scope, size_t at);
  const CommonTableEntry* FindCommonTable(std::string_view name) const;

  // Statements and names of tables.
  TableName Complete(const NamePath& path);
  std::optional<TableSchema> FindTemporary(const NamePath& path);
  TableSchema ResolveTable(const NamePath& path);
  std::string WriteTarget(const ParsedStatement& statement, TableSchema* table);
  Scope TargetScope(const TableSchema& table, const std::string& alias, const std::string& name);
  void EmitInsert(const ParsedStatement& statement);
  std::string EmitValue(const Expression& value, const ScopeColumn& column, const Scope& scope);
  std::string EmitStored(const Emitted& value, const ScopeColumn& column);
  std::vector<ScopeColumn> TargetColumns(const TableSchema& table,
                                         const std::vector<std::string>& names, size_t at);
  std::string EmitAssignments(const std::vector<Assignment>& assignments, const TableSchema& table,
                              const Scope& scope);
  void EmitUpdate(const ParsedStatement& statement);
  void EmitDelete(const ParsedStatement& statement);
  void EmitMerge(const ParsedStatement& statement);
  std::string EmitMergeBranch(const MergeBranch& branch, const TableSchema& table,
                              const Scope& target, const Scope& source, const Scope& both);
  void EmitCreateTable(const ParsedStatement& statement);
  TableName NewTableName(const ParsedStatement& statement);
  bool MayCreate(const ParsedStatement& statement, const TableName& name);
  void EmitDefaults(const ParsedStatement& statement, const TableSchema& table);
  void EmitCreateTableAs(const ParsedStatement& statement, TableSchema table);
  void CheckLayoutColumns(const ParsedStatement& statement, const TableSchema& table,
                          const std::vector<ScopeColumn>& columns);
  void EmitCopy(const ParsedStatement& statement, const TableName& name);
  void ApplyTableOptions(const std::vector<OptionValue>& options, TableSchema* table);
  void EmitAlter(const ParsedStatement& statement);
  void EmitRename(const AlterAction& action, TableSchema* table);
  void EmitAlterColumn(const AlterAction& action, TableSchema* table);
  void EmitAddColumn(const AlterAction& action, TableSchema* table);
  void EmitExport(const ParsedStatement& statement);
  void EmitCreateRoutine(const ParsedStatement& statement);
  void EmitDropRoutine(const ParsedStatement& statement);
  TableSchema DefinedTable(const ParsedStatement& statement, TableName name);
  Partitioning EmitPartitioning(const Expression& expression);
  void EmitCreateView(const ParsedStatement& statement);
  void EmitDropRelation(const ParsedStatement& statement);
  void EmitSchema(const ParsedStatement& statement);
  void CheckInsertable(const Emitted& value, const ScopeColumn& column, size_t position, size_t at);

  const CatalogView& catalog_;
  const TranslateOptions& options_;
  Translation* translation_;
  TransformRules* transform_ = nullptr;
  std::vector<CommonTableEntry> common_;
  // A recursive WITH entry that waits for its first operand's columns.
  const Query* pending_recursive_ = nullptr;
  const Query* outermost_ = nullptr;  // whose rows are the statement's answer
  CommonTableEntry pending_entry_;
  std::vector<std::pair<const Routine*, std::unique_ptr<ParsedStatement>>> parsed_routines_;
  std::vector<std::shared_ptr<const Routine>> kept_routines_;  // while their parts are in use
  int routine_depth_ = 0;
  size_t inlined_ = 0;
  std::string pivot_filter_;  // of the aggregates that are being emitted
  std::vector<TableSchema> filters_needed_;
  size_t names_ = 0;
  size_t emitted_bytes_ = 0;
};

// Throws SqlError for what the contract of a function's SQL refuses.
TransformTranslation EmitTransform(const ParsedStatement& statement, std::string_view source);

// `"project.dataset"."table"`.
std::string QualifiedName(const TableName& name);
// A table's column in an expression. BIGNUMERIC is stored as text and computed as DECIMAL(38,18).
ScopeColumn StoredColumn(const schema::Column& column, std::string_view table);
// Columns as queries see them, with a function's two own.
std::vector<schema::Column> QueryColumns(const TableSchema& table);

}  // namespace afluente::warehouse::googlesql
