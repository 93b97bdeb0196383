#include "roles/up.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "api/api.h"
#include "api/request_id.h"
#include "broker/broker.h"
#include "broker/wire/pubsub_door.h"
#include "console/admin_door.h"
#include "host/check.h"
#include "host/file_system.h"
#include "host/secret_file.h"
#include "host/shutdown.h"
#include "host/worker_pool.h"
#include "http/server.h"
#include "roles/pipeline.h"
#include "roles/ready_file.h"
#include "roles/spec_catalog.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "warehouse/duckdb/duckdb_database.h"

namespace afluente::roles {
namespace {

// All doors together: the functions' last commit and the engines need the rest of ten seconds.
constexpr std::chrono::milliseconds kDoorGrace{4'000};
constexpr size_t kBlockingWorkMax = 4'096;
constexpr int kBlockingThreads = 16;

// Everything that serves, in the order of construction; torn down in reverse.
struct Serving {
  host::SystemClock clock;
  telemetry::Metrics metrics;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<http::IoThreads> io_threads;
  std::unique_ptr<host::WorkerPool> workers;
  std::unique_ptr<broker::wire::PubsubDoor> pubsub;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<http::Server> api_door;
  std::unique_ptr<http::Server> admin_door;
  ReadyDoors doors;
};

// HOST:PORT with the port that was bound.
std::string WithPort(const std::string& address, uint16_t port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

absl::Status RequireLoopback(const std::string& flag, const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  for (const char* loopback : {"127.0.0.1", "localhost", "[::1]"}) {
    if (host == loopback) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      flag, " ", address,
      ": without identity every door stays on loopback (127.0.0.1, localhost, [::1])"));
}

absl::Status OpenAdmin(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  console::AdminPorts ports{
      .warehouse = serving.pipeline->database().warehouse(),
      .metrics = serving.metrics,
      .workers = *serving.workers,
      .project = spec.project,
      .check = [pipeline = serving.pipeline.get()] { return pipeline->Check(); },
      .backlog = [pipeline = serving.pipeline.get()] { return pipeline->Backlog(); },
  };
  serving.admin_door = http::Server::Create(*serving.io_threads, {}, console::AdminDoor(ports));
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, serving.admin_door->Listen(options.doors.admin));
  serving.doors.admin = WithPort(options.doors.admin, port);
  return absl::OkStatus();
}

absl::Status OpenApi(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  api::ApiOptions api_options;
  api_options.title = spec.project;
  api_options.endpoints.project = spec.project;
  host::PosixFileSystem files;
  AFLUENTE_ASSIGN_OR_RETURN(
      api_options.endpoints.secret,
      host::LoadOrCreateSecret(files, absl::StrCat(options.data_dir, "/api.key"), 32));
  AFLUENTE_ASSIGN_OR_RETURN(
      serving.api, api::Api::Create(spec.endpoints, serving.pipeline->database().warehouse(),
                                    *serving.workers, serving.metrics, api_options));
  http::ServerOptions server_options;
  server_options.body_bytes_max = spec.limits.request_bytes;
  server_options.on_refusal = api::AddRequestId;
  serving.api_door =
      http::Server::Create(*serving.io_threads, server_options, serving.api->handler());
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, serving.api_door->Listen(options.doors.api));
  serving.doors.api = WithPort(options.doors.api, port);
  return absl::OkStatus();
}

absl::Status OpenPubsub(const UpOptions& options, Serving& serving) {
  broker::Broker& broker = serving.pipeline->broker();
  AFLUENTE_ASSIGN_OR_RETURN(serving.pubsub, broker::wire::PubsubDoor::Create(
                                                {broker, broker, broker, *serving.io_threads,
                                                 *serving.workers, serving.metrics, serving.clock},
                                                {}));
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, serving.pubsub->Listen(options.doors.pubsub));
  serving.doors.pubsub = WithPort(options.doors.pubsub, port);
  return absl::OkStatus();
}

absl::Status Open(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  AFLUENTE_ASSIGN_OR_RETURN(serving.pipeline,
                            Pipeline::Open(spec, options.data_dir, serving.clock, serving.metrics));
  // The directory is ours now, so whatever file is there is a dead process's.
  RemoveReadyFiles(options);
  serving.io_threads =
      std::make_unique<http::IoThreads>(std::max(1u, std::thread::hardware_concurrency()));
  serving.workers = std::make_unique<host::WorkerPool>(kBlockingThreads, kBlockingWorkMax);
  serving.pipeline->StartFunctions();
  AFLUENTE_RETURN_IF_ERROR(OpenPubsub(options, serving));
  AFLUENTE_RETURN_IF_ERROR(OpenApi(options, spec, serving));
  AFLUENTE_RETURN_IF_ERROR(OpenAdmin(options, spec, serving));
  serving.doors.project = spec.project;
  AFLUENTE_RETURN_IF_ERROR(RememberSpec(options));
  return WriteReadyFiles(options, serving.doors);
}

void Close(const UpOptions& options, Serving& serving) {
  // Without a pipeline the directory, and with it the ready file, is another process's.
  if (serving.pipeline) RemoveReadyFiles(options);
  const auto until = serving.clock.Monotonic() + kDoorGrace;
  const auto left = [&] {
    return std::max(
        std::chrono::milliseconds(0),
        std::chrono::duration_cast<std::chrono::milliseconds>(until - serving.clock.Monotonic()));
  };
  if (serving.pubsub) serving.pubsub->Stop(left());
  if (serving.api) serving.api->StopTails();
  if (serving.api_door) serving.api_door->Stop(left());
  if (serving.admin_door) serving.admin_door->Stop(left());
  // Whoever has not had an answer by now has no connection for it either.
  if (serving.pipeline) serving.pipeline->database().InterruptQueries();
  if (serving.pipeline) serving.pipeline->StopFunctions();
  serving.workers.reset();  // finishes the queries that were taken
}

// Connections and segments are descriptors: take what the system allows.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  telemetry::Log(telemetry::Severity::kWarning, "the limit on open files stays as it was");
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "afluente: %s\n", std::string(status.message()).c_str());
  const bool wrong_input =
      absl::IsInvalidArgument(status) || absl::IsUnimplemented(status) || absl::IsNotFound(status);
  return wrong_input ? 2 : 1;
}

}  // namespace

int RunUp(const UpOptions& options) {
  const std::pair<const char*, const std::string*> addresses[] = {
      {"--api-listen", &options.doors.api},
      {"--pubsub-listen", &options.doors.pubsub},
      {"--admin-listen", &options.doors.admin}};
  for (const auto& [flag, address] : addresses) {
    if (auto status = RequireLoopback(flag, *address); !status.ok()) return Fail(status);
  }
  auto spec = spec::Load(options.spec_file);
  if (!spec.ok()) return Fail(spec.status());
  if (auto status = ValidateSql(*spec); !status.ok()) return Fail(status);
  host::ShutdownSignal shutdown;
  RaiseDescriptorLimit();
  Serving serving;
  const absl::Status opened = Open(options, *spec, serving);
  if (!opened.ok()) {
    Close(options, serving);
    return Fail(opened);
  }
  std::printf("%s\n", ReadyLine(serving.doors).c_str());
  std::fflush(stdout);
  const int signal = shutdown.Wait();
  telemetry::Log(telemetry::Severity::kInfo, "stopping", {{"signal", std::to_string(signal)}});
  Close(options, serving);
  return 0;
}

}  // namespace afluente::roles
