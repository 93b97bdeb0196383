#include "roles/api_door.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/api.h"
#include "api/request_id.h"
#include "host/check.h"
#include "host/file_system.h"
#include "host/secret_file.h"
#include "http/server.h"
#include "identity/identity_headers.h"
#include "roles/doorkeeper.h"
#include "spec/spec.h"
#include "warehouse/duckdb/duckdb_parquet.h"

namespace afluente::roles {

absl::StatusOr<ApiDoor> OpenApiDoor(const spec::Spec& spec, const ApiDoorParts& parts,
                                    const std::string& secret_file, const std::string& address) {
  api::ApiOptions api_options;
  api_options.title = spec.project;
  api_options.endpoints.project = spec.project;
  api_options.endpoints.freshness = parts.freshness;
  api_options.tracer = parts.tracer;
  if (spec.access) api_options.hosts = spec.access->hosts;
  if (parts.doorkeeper != nullptr) {
    api_options.guard = parts.doorkeeper->guard();
    api_options.identify = parts.doorkeeper->identify();
    api_options.may_use = parts.doorkeeper->may_use();
    api_options.endpoints.caller_fields =
        absl::StrCat("Authorization, Cookie, ", identity::kAssertionHeader);
  }
  host::PosixFileSystem files;
  AFLUENTE_ASSIGN_OR_RETURN(api_options.endpoints.secret,
                            host::LoadOrCreateSecret(files, secret_file, 32));
  ApiDoor door;
  door.parquet = std::make_unique<warehouse::duckdb::DuckdbParquet>();
  api_options.endpoints.parquet = door.parquet.get();
  AFLUENTE_ASSIGN_OR_RETURN(door.api, api::Api::Create(spec.endpoints, parts.warehouse,
                                                       parts.workers, parts.metrics, api_options));
  http::ServerOptions server_options;
  server_options.body_bytes_max = spec.limits.request_bytes;
  server_options.refusal = api::RefusalWithRequestId;
  server_options.tls = parts.tls;
  door.server = http::Server::Create(parts.io_threads, server_options, door.api->handler());
  AFLUENTE_ASSIGN_OR_RETURN(door.port, door.server->Listen(address));
  return door;
}

}  // namespace afluente::roles
