#include "roles/api.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "api/api.h"
#include "host/check.h"
#include "host/clock.h"
#include "host/file_system.h"
#include "host/shutdown.h"
#include "host/worker_pool.h"
#include "http/server.h"
#include "http/tls_identity.h"
#include "roles/api_door.h"
#include "roles/cloud_run.h"
#include "roles/doorkeeper.h"
#include "roles/trace_export.h"
#include "roles/warehouse_engine.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::milliseconds kGrace{6'000};
constexpr int kQueryThreads = 16;
constexpr size_t kQueriesMax = 4'096;

// Torn down from the last up.
struct ApiServing {
  host::SystemClock clock;
  host::PosixFileSystem files;
  telemetry::Metrics metrics;
  std::unique_ptr<TraceExport> traces;  // nullptr: nobody wants traces
  std::unique_ptr<WarehouseEngine> engine;
  std::shared_ptr<http::TlsIdentity> tls;  // shared with the server; nullptr: plain
  std::unique_ptr<http::IoThreads> io_threads;
  std::unique_ptr<host::WorkerPool> workers;
  std::unique_ptr<Doorkeeper> doorkeeper;
  ApiDoor door;
};

// A role over BigQuery keeps nothing on the machine: its secret ends with it, unless it is given
// one.
std::string SecretFile(const ApiRoleOptions& options) {
  if (!options.secret_file.empty()) return options.secret_file;
  if (options.warehouse == "embedded") return options.data_dir + "/api.key";
  return std::filesystem::temp_directory_path() / "afluente-api.key";
}

absl::Status Open(const ApiRoleOptions& options, const spec::Spec& spec, const std::string& listen,
                  ApiServing& serving) {
  AFLUENTE_RETURN_IF_ERROR(CheckAddress(spec, "--api-listen", listen));
  AFLUENTE_ASSIGN_OR_RETURN(serving.traces,
                            TraceExport::Open(spec, serving.clock, serving.metrics));
  AFLUENTE_ASSIGN_OR_RETURN(serving.engine,
                            WarehouseEngine::Open(options.warehouse, spec, options.data_dir,
                                                  options.google, serving.clock, serving.metrics));
  if (spec.tls) {
    AFLUENTE_ASSIGN_OR_RETURN(
        serving.tls, http::TlsIdentity::Load(spec.tls->certificate_file, spec.tls->key_file));
  }
  serving.io_threads =
      std::make_unique<http::IoThreads>(std::max(1u, std::thread::hardware_concurrency()));
  serving.workers = std::make_unique<host::WorkerPool>(kQueryThreads, kQueriesMax);
  if (spec.access) {
    AFLUENTE_ASSIGN_OR_RETURN(
        serving.doorkeeper, Doorkeeper::Open(spec, options.data_dir, serving.files, serving.clock));
  }
  const std::string secret_file = SecretFile(options);
  AFLUENTE_ASSIGN_OR_RETURN(
      serving.door, OpenApiDoor(spec,
                                {serving.engine->warehouse(), *serving.workers, serving.metrics,
                                 *serving.io_threads, serving.doorkeeper.get(), serving.tls,
                                 nullptr, TracerOf(serving.traces)},
                                secret_file, listen));
  return absl::OkStatus();
}

}  // namespace

int RunApi(const ApiRoleOptions& options) {
  const auto spec = spec::Load(options.spec_file);
  if (!spec.ok()) return FailRole(spec.status());
  LogForCloudRun(spec->project);
  const std::string listen = MainDoor(options.listen, 8000);
  host::ShutdownSignal shutdown;
  ApiServing serving;
  if (auto status = Open(options, *spec, listen, serving); !status.ok()) return FailRole(status);
  std::printf("afluente ready  api %s://%s:%u\n", serving.tls == nullptr ? "http" : "https",
              listen.substr(0, listen.rfind(':')).c_str(), unsigned{serving.door.port});
  std::fflush(stdout);
  const int signal = shutdown.Wait();
  telemetry::Log(telemetry::Severity::kInfo, "stopping", {{"signal", std::to_string(signal)}});
  serving.door.api->StopTails();
  serving.door.server->Stop(kGrace);
  serving.engine->InterruptQueries();
  serving.workers.reset();  // finishes the queries that were taken
  return 0;
}

}  // namespace afluente::roles
