#include "roles/warehouse_engine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/connection_pool.h"
#include "http/server.h"
#include "roles/google_cloud.h"
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

// A page of a query's rows.
constexpr uint64_t kAnswerBytesMax = 32 << 20;

class GoogleEngine final : public WarehouseEngine {
 public:
  GoogleEngine() : threads_(1) {
    http::PoolOptions options;
    options.answer_bytes_max = kAnswerBytesMax;
    connections_ = http::ConnectionPool::Create(threads_, options);
  }
  absl::Status Connect(const GoogleOptions& options, const spec::Spec& spec,
                       const host::Clock& clock) {
    AFLUENTE_ASSIGN_OR_RETURN(google_, GoogleCloud::Open(options, spec, *connections_, clock));
    return absl::OkStatus();
  }
  warehouse::Warehouse& warehouse() override { return google_->warehouse(); }
  std::optional<host::WallTime> Freshness(const warehouse::TableName&) const override {
    return std::nullopt;
  }
  // Each query has its caller's cancellation and its own limit.
  void InterruptQueries() override {}

 private:
  http::IoThreads threads_;
  std::unique_ptr<http::ConnectionPool> connections_;
  std::unique_ptr<GoogleCloud> google_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WarehouseEngine>> WarehouseEngine::Open(
    const std::string& name, const spec::Spec& spec, const std::string& data_dir,
    const GoogleOptions& google, const host::Clock& clock, telemetry::Metrics& metrics) {
  if (name == "embedded") {
    AFLUENTE_RETURN_IF_ERROR(ValidateSql(spec));
    AFLUENTE_ASSIGN_OR_RETURN(auto pipeline, Pipeline::Open(spec, data_dir, clock, metrics));
    return std::make_unique<EmbeddedEngine>(std::move(pipeline));
  }
  if (name == "bigquery") {
    auto engine = std::make_unique<GoogleEngine>();
    AFLUENTE_RETURN_IF_ERROR(engine->Connect(google, spec, clock));
    return engine;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--warehouse ", name, ": there are embedded and bigquery"));
}

}  // namespace afluente::roles
