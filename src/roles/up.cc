#include "roles/up.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "api/api.h"
#include "broker/broker.h"
#include "broker/push/push_service.h"
#include "broker/tracing_publisher.h"
#include "broker/wire/pubsub_door.h"
#include "console/admin_door.h"
#include "console/console.h"
#include "console/testing_routes.h"
#include "host/check.h"
#include "host/file_system.h"
#include "host/shutdown.h"
#include "host/stepped_clock.h"
#include "host/worker_pool.h"
#include "http/connection_pool.h"
#include "http/loopback_guard.h"
#include "http/server.h"
#include "http/tls_identity.h"
#include "roles/api_door.h"
#include "roles/backup.h"
#include "roles/bigquery_door.h"
#include "roles/doorkeeper.h"
#include "roles/forwards.h"
#include "roles/ingest_door.h"
#include "roles/mqtt_door.h"
#include "roles/pipeline.h"
#include "roles/proxy_door.h"
#include "roles/pubsub_metrics.h"
#include "roles/push_tokens.h"
#include "roles/ready_file.h"
#include "roles/spec_catalog.h"
#include "roles/storage_door.h"
#include "roles/testing.h"
#include "roles/trace_export.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/wire/bigquery_door.h"
#include "web/pages.h"

namespace afluente::roles {
namespace {

// All doors together: the functions' last commit and the engines need the rest of ten seconds.
constexpr std::chrono::milliseconds kDoorGrace{4'000};
constexpr size_t kBlockingWorkMax = 4'096;
constexpr int kBlockingThreads = 16;

// Everything that serves, in the order of construction; torn down in reverse.
struct Serving {
  host::SystemClock system_clock;
  host::SteppedClock clock{system_clock};  // set forward with --testing alone
  telemetry::Metrics metrics;
  std::unique_ptr<TraceExport> traces;  // nullptr: nobody wants traces
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<http::IoThreads> io_threads;
  std::unique_ptr<host::WorkerPool> workers;
  std::unique_ptr<TestingParts> testing;
  std::unique_ptr<broker::TracingPublisher> tracing_publisher;  // with traces
  std::unique_ptr<http::ConnectionPool> connections;
  std::unique_ptr<PushTokens> push_tokens;
  std::unique_ptr<broker::push::PushService> push;
  std::unique_ptr<broker::wire::PubsubDoor> pubsub;
  host::PosixFileSystem files;
  std::shared_ptr<http::TlsIdentity> tls;  // shared by all doors; nullptr: plain
  std::unique_ptr<Doorkeeper> doorkeeper;  // nullptr: identity is off
  ApiDoor api;
  std::unique_ptr<console::Console> console;
  std::unique_ptr<http::Server> admin_door;
  std::unique_ptr<ProxyDoor> proxy_door;
  IngestDoor ingest_door;
  MqttDoor mqtt_door;
  Forwards forwards;
  std::unique_ptr<warehouse::wire::BigqueryDoor> bigquery_door;
  std::unique_ptr<warehouse::storage::StorageDoor> storage_door;
  ReadyDoors doors;
  std::atomic<bool> backing_up = false;
};

// HOST:PORT with the port that was bound.
std::string WithPort(const std::string& address, uint16_t port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

broker::Publisher& PublisherOf(Serving& serving) {
  if (serving.tracing_publisher) return *serving.tracing_publisher;
  if (serving.testing) return serving.testing->publisher;
  return serving.pipeline->broker();
}

broker::Subscriptions& SubscriptionsOf(Serving& serving) {
  if (serving.testing) return serving.testing->subscriptions;
  return serving.pipeline->subscriptions();
}

void StepClock(Serving& serving, std::chrono::microseconds by) {
  serving.clock.Advance(by);
  serving.testing->delays.Wake();
  serving.push->Wake();
  serving.pipeline->broker().ClockStepped();
  if (serving.bigquery_door) serving.bigquery_door->ClockStepped();
}

void OpenPush(const UpOptions& options, Serving& serving) {
  // By the machine's clock: who verifies the tokens goes by theirs.
  serving.push_tokens =
      std::make_unique<PushTokens>(serving.system_clock, options.data_dir + "/push-keys.json");
  serving.connections = http::ConnectionPool::Create(*serving.io_threads, {});
  serving.push = std::make_unique<broker::push::PushService>(
      serving.pipeline->broker(), SubscriptionsOf(serving), *serving.connections, serving.clock,
      [&serving](const broker::OidcToken& token, std::string_view endpoint) {
        return serving.push_tokens->TokenFor(token, endpoint);
      });
  serving.push->Start();
  serving.metrics.AddCollector([&serving](telemetry::Exposition& page) {
    ExposePubsub(serving.pipeline->broker().Stats(), serving.push->Stats(), page);
  });
}

// One at a time: each keeps checkpoints waiting.
absl::StatusOr<std::string> BackUp(const UpOptions& options, Serving& serving,
                                   const std::string& directory,
                                   const host::Cancellation* cancellation) {
  if (serving.backing_up.exchange(true))
    return absl::UnavailableError("another backup is being taken");
  const auto summary =
      TakeBackup(*serving.pipeline, directory,
                 std::filesystem::absolute(options.spec_file).string(), cancellation);
  serving.backing_up = false;
  AFLUENTE_RETURN_IF_ERROR(summary.status());
  return absl::StrCat("{\"files\":", summary->files, ",\"bytes\":", summary->bytes, "}");
}

absl::Status OpenAdmin(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  serving.console = console::Console::Create({
      .spec = spec,
      .broker = serving.pipeline->broker(),
      .publisher = PublisherOf(serving),
      .warehouse = serving.pipeline->database().warehouse(),
      .catalog = serving.pipeline->database().catalog(),
      .metrics = serving.metrics,
      .workers = *serving.workers,
      .clock = serving.clock,
      .data_dir = options.data_dir,
      .api = (serving.doors.tls ? "https://" : "http://") + serving.doors.api,
      .pages = web::Pages(),
  });
  console::AdminPorts ports{
      .warehouse = serving.pipeline->database().warehouse(),
      .metrics = serving.metrics,
      .workers = *serving.workers,
      .project = spec.project,
      .check = [pipeline = serving.pipeline.get()] { return pipeline->Check(); },
      .backup =
          [&options, &serving](const std::string& directory,
                               const host::Cancellation* cancellation) {
            return BackUp(options, serving, directory, cancellation);
          },
      .backlog = [pipeline = serving.pipeline.get()] { return pipeline->Backlog(); },
      .topics = serving.pipeline->broker(),
      .functions = serving.pipeline->operations(),
      .push_keys = [&serving] { return serving.push_tokens->PublicKeys(); },
      .testing = nullptr,
      .console = serving.console.get(),
  };
  if (serving.testing) {
    ports.testing = std::make_shared<const console::TestingPorts>(console::TestingPorts{
        serving.testing->faults, serving.clock,
        [&serving](std::chrono::microseconds by) { StepClock(serving, by); }});
  }
  ports.gate = GateOf(serving.doorkeeper.get(), "admin", options.doors.admin);
  if (serving.doorkeeper != nullptr) ports.proxied_gate = serving.doorkeeper->ProxiedGate("admin");
  http::ServerOptions server_options;
  server_options.tls = serving.tls;
  serving.admin_door =
      http::Server::Create(*serving.io_threads, server_options, console::AdminDoor(ports));
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, serving.admin_door->Listen(options.doors.admin));
  serving.doors.admin = WithPort(options.doors.admin, port);
  return absl::OkStatus();
}

absl::Status OpenApi(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  AFLUENTE_ASSIGN_OR_RETURN(
      serving.api,
      OpenApiDoor(spec,
                  {serving.pipeline->database().warehouse(), *serving.workers, serving.metrics,
                   *serving.io_threads, serving.doorkeeper.get(), serving.tls,
                   [pipeline = serving.pipeline.get()](const warehouse::TableName& table) {
                     return pipeline->Freshness(table);
                   },
                   TracerOf(serving.traces)},
                  options.data_dir + "/api.key", options.doors.api));
  serving.doors.api = WithPort(options.doors.api, serving.api.port);
  return absl::OkStatus();
}

absl::Status OpenProxy(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  if (!serving.doorkeeper || serving.doorkeeper->assertion_keys() == nullptr) {
    return absl::OkStatus();
  }
  ProxyDoor::Addresses addresses;
  addresses.listen = options.doors.proxy;
  addresses.api = serving.doors.api;
  addresses.data_dir = options.data_dir;
  addresses.console = serving.doors.admin;
  AFLUENTE_ASSIGN_OR_RETURN(
      serving.proxy_door,
      ProxyDoor::Open(spec, addresses, *serving.doorkeeper,
                      {serving.files, serving.system_clock, *serving.io_threads, *serving.workers,
                       serving.tls, serving.api.server.get(), serving.admin_door.get()}));
  serving.doors.proxy = WithPort(options.doors.proxy, serving.proxy_door->port());
  return absl::OkStatus();
}

absl::Status OpenBigquery(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  AFLUENTE_ASSIGN_OR_RETURN(serving.bigquery_door,
                            OpenBigqueryDoor(spec,
                                             {serving.pipeline->database(), *serving.io_threads,
                                              serving.clock, serving.files, serving.tls},
                                             serving.doorkeeper.get(), serving.proxy_door.get()));
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port,
                            serving.bigquery_door->Listen(options.doors.bigquery));
  serving.doors.bigquery = WithPort(options.doors.bigquery, port);
  warehouse::duckdb::DuckdbDatabase& database = serving.pipeline->database();
  AFLUENTE_ASSIGN_OR_RETURN(
      StorageOpened storage,
      OpenStorageDoor(
          spec, {database.warehouse(), database.catalog(), database.table_writer(), serving.clock},
          GateOf(serving.doorkeeper.get(), "bigquery_storage", options.doors.bigquery_storage),
          options.doors.bigquery_storage));
  serving.storage_door = std::move(storage.door);
  serving.doors.bigquery_storage = WithPort(options.doors.bigquery_storage, storage.port);
  return absl::OkStatus();
}

absl::Status OpenPubsub(const UpOptions& options, Serving& serving) {
  broker::Broker& broker = serving.pipeline->broker();
  AFLUENTE_ASSIGN_OR_RETURN(
      serving.pubsub,
      broker::wire::PubsubDoor::Create(
          {{PublisherOf(serving), broker, SubscriptionsOf(serving), broker, broker, broker},
           *serving.io_threads,
           *serving.workers,
           serving.metrics,
           serving.clock},
          {.tls = serving.tls,
           .gate = GateOf(serving.doorkeeper.get(), "pubsub", options.doors.pubsub)}));
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, serving.pubsub->Listen(options.doors.pubsub));
  serving.doors.pubsub = WithPort(options.doors.pubsub, port);
  return absl::OkStatus();
}

// What the doors of sources remember, before the journal may clean.
absl::Status RecoverSources(const UpOptions& options, const spec::Spec& spec,
                            broker::Broker& broker, Serving& serving) {
  const source::DeliveryLog::Parts parts{serving.files, &broker, serving.clock};
  AFLUENTE_RETURN_IF_ERROR(serving.ingest_door.Recover(parts, options.data_dir));
  return serving.mqtt_door.Recover(spec, parts, options.data_dir);
}

absl::Status OpenSources(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  AFLUENTE_ASSIGN_OR_RETURN(serving.doors.ingest,
                            serving.ingest_door.Open(spec, options.doors.ingest,
                                                     {*serving.io_threads, PublisherOf(serving),
                                                      serving.metrics, serving.tls}));
  MqttDoor::Addresses mqtt{options.doors.mqtt, options.doors.mqtts};
  AFLUENTE_RETURN_IF_ERROR(serving.mqtt_door.Open(
      spec, mqtt, {*serving.io_threads, PublisherOf(serving), serving.clock, serving.metrics}));
  serving.doors.mqtt = mqtt.plain;
  serving.doors.mqtts = mqtt.tls;
  return serving.forwards.Start(spec, serving.pipeline->broker(), SubscriptionsOf(serving),
                                serving.clock);
}

absl::Status Open(const UpOptions& options, const spec::Spec& spec, Serving& serving) {
  AFLUENTE_ASSIGN_OR_RETURN(serving.traces,
                            TraceExport::Open(spec, serving.clock, serving.metrics));
  AFLUENTE_ASSIGN_OR_RETURN(
      serving.pipeline,
      Pipeline::Open(
          spec, options.data_dir, serving.clock, serving.metrics,
          [&](broker::Broker& broker) { return RecoverSources(options, spec, broker, serving); },
          TracerOf(serving.traces)));
  // The directory is ours now, so whatever file is there is a dead process's.
  RemoveReadyFiles(options);
  serving.io_threads =
      std::make_unique<http::IoThreads>(std::max(1u, std::thread::hardware_concurrency()));
  serving.workers = std::make_unique<host::WorkerPool>(kBlockingThreads, kBlockingWorkMax);
  if (options.testing) {
    broker::Broker& broker = serving.pipeline->broker();
    serving.testing =
        std::make_unique<TestingParts>(broker, serving.pipeline->subscriptions(), serving.clock);
  }
  if (serving.traces) {
    serving.tracing_publisher =
        std::make_unique<broker::TracingPublisher>(PublisherOf(serving), *serving.traces->tracer());
  }
  if (spec.access) {
    AFLUENTE_ASSIGN_OR_RETURN(
        serving.doorkeeper,
        Doorkeeper::Open(spec, options.data_dir, serving.files, serving.system_clock));
  }
  if (spec.tls) {
    AFLUENTE_ASSIGN_OR_RETURN(
        serving.tls, http::TlsIdentity::Load(spec.tls->certificate_file, spec.tls->key_file));
    serving.doors.tls = true;
  }
  serving.pipeline->StartFunctions();
  OpenPush(options, serving);
  AFLUENTE_RETURN_IF_ERROR(OpenPubsub(options, serving));
  AFLUENTE_RETURN_IF_ERROR(OpenApi(options, spec, serving));
  AFLUENTE_RETURN_IF_ERROR(OpenAdmin(options, spec, serving));
  AFLUENTE_RETURN_IF_ERROR(OpenProxy(options, spec, serving));
  AFLUENTE_RETURN_IF_ERROR(OpenBigquery(options, spec, serving));
  AFLUENTE_RETURN_IF_ERROR(OpenSources(options, spec, serving));
  serving.doors.project = spec.project;
  AFLUENTE_RETURN_IF_ERROR(RememberSpec(options));
  return WriteReadyFiles(options, serving.doors);
}

void Close(const UpOptions& options, Serving& serving) {
  // Without a pipeline the directory, and with it the ready file, is another process's.
  if (serving.pipeline) RemoveReadyFiles(options);
  const auto until = serving.system_clock.Monotonic() + kDoorGrace;
  const auto left = [&] {
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::duration_cast<std::chrono::milliseconds>(
                        until - serving.system_clock.Monotonic()));
  };
  if (serving.testing) serving.testing->Finish();
  serving.forwards.Stop();
  serving.ingest_door.Stop(left());
  serving.mqtt_door.Stop(left());
  if (serving.pubsub) serving.pubsub->Stop(left());
  if (serving.push) serving.push->Stop(left());
  if (serving.bigquery_door) serving.bigquery_door->Stop(left());
  if (serving.storage_door) serving.storage_door->Stop(left());
  if (serving.proxy_door) serving.proxy_door->Stop(left());
  if (serving.api.api) serving.api.api->StopTails();
  if (serving.api.server) serving.api.server->Stop(left());
  if (serving.console) serving.console->Stop();
  if (serving.admin_door) serving.admin_door->Stop(left());
  // Whoever has not had an answer by now has no connection for it either.
  if (serving.pipeline) serving.pipeline->database().InterruptQueries();
  serving.bigquery_door.reset();  // its jobs have ended or were interrupted
  if (serving.pipeline) serving.pipeline->StopFunctions();
  serving.workers.reset();  // finishes the queries that were taken
  if (serving.traces) serving.traces->Stop();
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
      {"--admin-listen", &options.doors.admin},
      {"--bigquery-listen", &options.doors.bigquery},
      {"--bigquery-storage-listen", &options.doors.bigquery_storage},
      {"--ingest-listen", &options.doors.ingest},
      {"--mqtt-listen", &options.doors.mqtt},
      {"--mqtts-listen", &options.doors.mqtts},
      {"--proxy-listen", &options.doors.proxy}};
  for (const auto& [flag, address] : addresses) {
    if (!options.testing || http::IsLoopbackAuthority(*address, {})) continue;
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(flag, " ", *address, ": with --testing every door stays on loopback")));
  }
  auto spec = spec::Load(options.spec_file);
  if (!spec.ok()) return Fail(spec.status());
  for (const auto& [flag, address] : addresses) {
    if (auto status = CheckAddress(*spec, flag, *address); !status.ok()) return Fail(status);
  }
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
