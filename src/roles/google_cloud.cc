#include "roles/google_cloud.h"

#include <utility>

#include "absl/strings/match.h"
#include "host/check.h"
#include "roles/google_access.h"
#include "spec/spec.h"
#include "warehouse/bigquery/bigquery_catalog.h"
#include "warehouse/bigquery/bigquery_warehouse.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/bigquery/storage_writer.h"

namespace afluente::roles {
namespace {

std::string LocationOf(const spec::Spec& spec) {
  return spec.datasets.empty() ? "" : spec.datasets.front().location;
}

}  // namespace

struct GoogleCloud::State {
  std::unique_ptr<GoogleAccess> access;
  std::unique_ptr<warehouse::bigquery::RestClient> rest;
  std::unique_ptr<warehouse::bigquery::BigqueryCatalog> catalog;
  std::unique_ptr<warehouse::bigquery::StorageWriter> writer;
  std::unique_ptr<warehouse::bigquery::BigqueryWarehouse> warehouse;
};

absl::StatusOr<std::unique_ptr<GoogleCloud>> GoogleCloud::Open(const GoogleOptions& options,
                                                               const spec::Spec& spec,
                                                               http::ConnectionPool& connections,
                                                               const host::Clock& clock) {
  auto state = std::make_unique<State>();
  const bool emulator = absl::StartsWith(options.bigquery, "http://");
  AFLUENTE_ASSIGN_OR_RETURN(state->access, GoogleAccess::Find(emulator, connections, clock));
  const warehouse::bigquery::AccessToken token = state->access->token();
  warehouse::bigquery::RestOptions rest;
  rest.endpoint = options.bigquery;
  state->rest = std::make_unique<warehouse::bigquery::RestClient>(connections, token, clock, rest);
  state->catalog =
      std::make_unique<warehouse::bigquery::BigqueryCatalog>(*state->rest, LocationOf(spec));
  warehouse::bigquery::StorageOptions storage;
  storage.endpoint = options.bigquery_storage;
  storage.plaintext = emulator;
  state->writer = std::make_unique<warehouse::bigquery::StorageWriter>(token, clock, storage);
  warehouse::bigquery::JobOptions jobs;
  jobs.project = spec.project;
  jobs.location = LocationOf(spec);
  jobs.labels = {{"afluente", "pipeline"}};
  if (options.maximum_bytes_billed > 0) jobs.maximum_bytes_billed = options.maximum_bytes_billed;
  state->warehouse = std::make_unique<warehouse::bigquery::BigqueryWarehouse>(
      *state->rest, *state->catalog, *state->writer, jobs);
  return std::unique_ptr<GoogleCloud>(new GoogleCloud(std::move(state)));
}

GoogleCloud::GoogleCloud(std::unique_ptr<State> state) : state_(std::move(state)) {}
GoogleCloud::~GoogleCloud() = default;
warehouse::Warehouse& GoogleCloud::warehouse() { return *state_->warehouse; }
warehouse::Catalog& GoogleCloud::catalog() { return *state_->catalog; }

}  // namespace afluente::roles
