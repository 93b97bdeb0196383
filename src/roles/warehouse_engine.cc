#include "roles/warehouse_engine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "roles/pipeline.h"
#include "roles/spec_catalog.h"
#include "spec/spec.h"
#include "warehouse/duckdb/duckdb_database.h"

namespace afluente::roles {
namespace {

class EmbeddedEngine final : public WarehouseEngine {
 public:
  explicit EmbeddedEngine(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
  warehouse::Warehouse& warehouse() override { return pipeline_->database().warehouse(); }
  std::optional<host::WallTime> Freshness(const warehouse::TableName& table) const override {
    return pipeline_->Freshness(table);
  }
  void InterruptQueries() override { pipeline_->database().InterruptQueries(); }

 private:
  const std::unique_ptr<Pipeline> pipeline_;  // holds the directory; its functions are not started
};

}  // namespace

absl::StatusOr<std::unique_ptr<WarehouseEngine>> WarehouseEngine::Open(
    const std::string& name, const spec::Spec& spec, const std::string& data_dir,
    const host::Clock& clock, telemetry::Metrics& metrics) {
  if (name == "embedded") {
    AFLUENTE_RETURN_IF_ERROR(ValidateSql(spec));
    AFLUENTE_ASSIGN_OR_RETURN(auto pipeline, Pipeline::Open(spec, data_dir, clock, metrics));
    return std::make_unique<EmbeddedEngine>(std::move(pipeline));
  }
  if (name == "bigquery") {
    return absl::UnimplementedError(
        "--warehouse bigquery: this version has no such engine; embedded is there");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--warehouse ", name, ": there are embedded and bigquery"));
}

}  // namespace afluente::roles
