#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

}  // namespace afluente::warehouse
