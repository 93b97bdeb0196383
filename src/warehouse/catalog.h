#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "schema/type.h"
#include "warehouse/table.h"

namespace afluente::warehouse {

enum class RoutineKind { kFunction, kTableFunction, kProcedure };

struct RoutineArgument {
  std::string name;
  std::optional<schema::Type> type;  // absent: ANY TYPE
  std::string mode;                  // of a procedure's: IN, OUT, INOUT
};

// A stored function or procedure. `name.table` is the routine's own name.
struct Routine {
  TableName name;
  RoutineKind kind = RoutineKind::kFunction;
  std::string language = "SQL";  // or JAVASCRIPT
  std::string statement;         // the CREATE statement
  std::string default_dataset;   // completes the names in it
  std::vector<RoutineArgument> arguments;
  std::optional<schema::Type> result;  // absent: what the body gives
  std::string body;
  int64_t created_micros = 0;
};

// What exists, to list: pure reads, any thread, never blocks on disk.
class CatalogListing {
 public:
  virtual ~CatalogListing() = default;
  virtual std::vector<std::string> Datasets(std::string_view project) const = 0;
  // By name.
  virtual std::vector<TableSchema> Tables(std::string_view project,
                                          std::string_view dataset) const = 0;
  virtual std::vector<std::shared_ptr<const Routine>> Routines(std::string_view project,
                                                               std::string_view dataset) const = 0;
  // nullptr when there is none.
  virtual std::shared_ptr<const Routine> FindRoutine(const TableName& name) const = 0;
};

// What exists, for name resolution: pure reads, any thread, never blocks on disk.
class CatalogView {
 public:
  virtual ~CatalogView() = default;
  // The table as queries see it (with _message_id and _message_row when fed by a function); nullopt
  // when there is none. Dataset and table names are case-sensitive, as BigQuery's are.
  virtual std::optional<TableSchema> FindTable(const TableName& name) const = 0;
  virtual bool HasDataset(std::string_view project, std::string_view dataset) const = 0;
  // A view that knows no more than names gives those.
  virtual std::optional<Dataset> FindDataset(std::string_view project,
                                             std::string_view dataset) const {
    if (!HasDataset(project, dataset)) return std::nullopt;
    Dataset found;
    found.project = std::string(project);
    found.dataset = std::string(dataset);
    return found;
  }
  // Tables whose expiration is before `now_ms`.
  virtual std::vector<TableName> ExpiredTables(int64_t /*now_ms*/) const { return {}; }
  // Tables whose partitions expire.
  virtual std::vector<TableSchema> TablesOfExpiringPartitions() const { return {}; }
};

// Port: datasets and tables. All calls block; safe from any thread.
class Catalog : public CatalogView {
 public:
  // OK when it already exists (the spec is applied at each start).
  virtual absl::Status EnsureDataset(std::string_view project, std::string_view dataset) = 0;
  // Creates the table, or alters it when the change is one that BigQuery allows (new NULLABLE
  // columns, REQUIRED to NULLABLE, widening). FAILED_PRECONDITION names the column whose change is
  // not.
  virtual absl::Status EnsureTable(const TableSchema& table) = 0;
  virtual absl::StatusOr<std::vector<std::string>> ListDatasets(std::string_view project) const = 0;
  virtual absl::StatusOr<std::vector<TableSchema>> ListTables(std::string_view project,
                                                              std::string_view dataset) const = 0;
  // A table or a view. NOT_FOUND when it does not exist.
  virtual absl::Status DropTable(const TableName& name) = 0;
  // ALREADY_EXISTS when it does.
  virtual absl::Status CreateDataset(const Dataset& dataset) = 0;
  // Replaces its properties. NOT_FOUND when it does not exist.
  virtual absl::Status UpdateDataset(const Dataset& dataset) = 0;
  // FAILED_PRECONDITION when it has tables and `delete_contents` is false, NOT_FOUND when there is
  // none.
  virtual absl::Status DropDataset(std::string_view project, std::string_view dataset,
                                   bool delete_contents) = 0;
};

}  // namespace afluente::warehouse
