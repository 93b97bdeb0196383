#include "roles/google_cloud.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "host/check.h"
#include "http/connection_pool.h"
#include "identity/google_credentials.h"
#include "spec/spec.h"
#include "warehouse/bigquery/bigquery_catalog.h"
#include "warehouse/bigquery/bigquery_warehouse.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/bigquery/storage_writer.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::seconds kTokenTimeout{10};

identity::Exchange Through(http::ConnectionPool& connections) {
  return [&connections](const identity::TokenRequest& request) {
    absl::StatusOr<http::Response> answer = absl::UnavailableError("not answered");
    absl::Notification done;
    connections.Send({request.method, request.url, request.headers, request.body}, kTokenTimeout,
                     [&](absl::StatusOr<http::Response> response) {
                       answer = std::move(response);
                       done.Notify();
                     });
    done.WaitForNotification();
    return answer;
  };
}

std::string LocationOf(const spec::Spec& spec) {
  return spec.datasets.empty() ? "" : spec.datasets.front().location;
}

}  // namespace

struct GoogleCloud::State {
  std::unique_ptr<identity::GoogleCredentials> credentials;  // nullptr: an emulator
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
  warehouse::bigquery::AccessToken token = [] { return std::string(); };
  if (!emulator) {
    AFLUENTE_ASSIGN_OR_RETURN(
        state->credentials,
        identity::GoogleCredentials::Find(identity::GoogleCredentials::Environment::Read(),
                                          Through(connections), clock));
    token = [credentials = state->credentials.get()] { return credentials->Token(); };
  }
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
