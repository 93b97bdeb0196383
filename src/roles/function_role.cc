#include "roles/function_role.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/wire/streaming_puller.h"
#include "function/push/push_door.h"
#include "function/push/push_function.h"
#include "host/check.h"
#include "host/shutdown.h"
#include "host/worker_pool.h"
#include "http/connection_pool.h"
#include "http/loopback_guard.h"
#include "http/problem.h"
#include "http/server.h"
#include "identity/key_source.h"
#include "identity/push_token.h"
#include "roles/cloud_run.h"
#include "roles/google_pubsub.h"
#include "roles/make_transform.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "warehouse/duckdb/duckdb_batch_sql.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::milliseconds kGrace{7'000};
constexpr std::chrono::milliseconds kPullGrace{5'000};  // and some for the acks
constexpr std::chrono::milliseconds kDoorGrace{1'000};
constexpr int kBlockingThreads = 4;
constexpr size_t kBlockingWorkMax = 4'096;
// A page of rows, or an HTTP function's answer.
constexpr uint64_t kAnswerBytesMax = 32 << 20;

struct Serving {
  host::SystemClock clock;
  telemetry::Metrics metrics;
  std::unique_ptr<http::IoThreads> io_threads;
  std::unique_ptr<host::WorkerPool> workers;
  std::unique_ptr<http::ConnectionPool> connections;
  std::unique_ptr<GoogleCloud> google;
  warehouse::duckdb::DuckdbBatchSqlCompiler sql;
  std::unique_ptr<identity::CachedKeySource> keys;
  std::unique_ptr<identity::PushTokenCheck> tokens;
  std::unique_ptr<function::push::PushFunction> function;
  std::unique_ptr<broker::wire::StreamingPuller> puller;  // nullptr: pushes come
  std::unique_ptr<http::Server> door;
};

absl::StatusOr<const spec::Function*> FindFunction(const spec::Spec& spec,
                                                   const std::string& name) {
  if (name.empty() && spec.functions.size() == 1) return &spec.functions.front();
  std::string names;
  for (const spec::Function& function : spec.functions) {
    if (function.name == name) return &function;
    absl::StrAppend(&names, names.empty() ? "" : ", ", function.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--function names one of the specification's functions: ", names));
}

absl::Status OpenTokens(const FunctionOptions& options, const std::string& address,
                        Serving& serving) {
  if (options.push_audience.empty() != options.push_account.empty()) {
    return absl::InvalidArgumentError("--push-audience and --push-account go together");
  }
  if (options.push_audience.empty()) {
    if (http::IsLoopbackAuthority(address, {})) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(address,
                     " is not loopback: --push-audience and --push-account say whose "
                     "pushes are taken"));
  }
  if (options.verified_by_cloud_run && std::getenv("K_SERVICE") == nullptr) {
    return absl::InvalidArgumentError("--verified-by-cloud-run is for Cloud Run alone");
  }
  AFLUENTE_ASSIGN_OR_RETURN(identity::KeyLoader loader, identity::LoadFromUrl(options.push_keys));
  serving.keys = std::make_unique<identity::CachedKeySource>(std::move(loader), serving.clock);
  serving.tokens = std::make_unique<identity::PushTokenCheck>(
      identity::PushTokenRules{options.push_audience, options.push_account,
                               options.verified_by_cloud_run},
      *serving.keys, serving.clock);
  return absl::OkStatus();
}

absl::Status OpenFunction(const spec::Spec& spec, const spec::Function& function,
                          Serving& serving) {
  function::push::PushSettings settings;
  settings.name = function.name;
  settings.topic = absl::StrCat("projects/", spec.project, "/topics/", function.topic);
  AFLUENTE_ASSIGN_OR_RETURN(settings.filter, event::Filter::Parse(function.filter));
  settings.table = {spec.project, function.dataset, function.table};
  settings.dead_letter_table = {spec.project, function.dataset, "dead_letters"};
  settings.max_delivery_attempts = function.dead_letter_policy.max_delivery_attempts;
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<function::Transform> transform,
                            MakeTransform(function, {spec, serving.sql, *serving.connections}));
  serving.function = std::make_unique<function::push::PushFunction>(
      std::move(settings), std::move(transform), serving.google->warehouse(), serving.clock,
      serving.metrics);
  serving.function->Start();
  return absl::OkStatus();
}

void StartPulling(const FunctionOptions& options, const spec::Spec& spec,
                  const spec::Function& function, Serving& serving) {
  const std::string address = PubsubAddress(options.google.pubsub);
  broker::wire::PullerOptions puller;
  puller.subscription = absl::StrCat(
      "projects/", spec.project, "/subscriptions/",
      options.subscription.empty() ? function.name + "-function" : options.subscription);
  const auto deliver = [&serving, subscription = puller.subscription](
                           broker::wire::Received received, broker::wire::StreamingPuller& from) {
    serving.function->Accept(
        {std::move(received.message), subscription, received.delivery_attempt},
        [&from, id = std::move(received.ack_id)](const absl::Status& status) mutable {
          from.Settle(std::move(id), status.ok());
        });
  };
  serving.puller = broker::wire::StreamingPuller::Start(address, PubsubOptions(address), puller,
                                                        deliver, serving.clock);
}

// A puller's door tells that the process is there, and takes nothing.
http::Handler HealthDoor() {
  return [](const http::Request& request, http::Responder respond) {
    if (request.path == "/health") {
      return respond(http::Response::Text(200, "text/plain", "ok\n"));
    }
    respond(http::Refusal(nullptr, 404, "This function pulls."));
  };
}

absl::Status Open(const FunctionOptions& options, const spec::Spec& spec,
                  const std::string& address, Serving& serving) {
  AFLUENTE_ASSIGN_OR_RETURN(const spec::Function* function, FindFunction(spec, options.function));
  if (!options.pull) AFLUENTE_RETURN_IF_ERROR(OpenTokens(options, address, serving));
  serving.io_threads =
      std::make_unique<http::IoThreads>(std::max(1u, std::thread::hardware_concurrency()));
  serving.workers = std::make_unique<host::WorkerPool>(kBlockingThreads, kBlockingWorkMax);
  http::PoolOptions pool;
  pool.answer_bytes_max = kAnswerBytesMax;
  serving.connections = http::ConnectionPool::Create(*serving.io_threads, pool);
  AFLUENTE_ASSIGN_OR_RETURN(
      serving.google, GoogleCloud::Open(options.google, spec, *serving.connections, serving.clock));
  AFLUENTE_RETURN_IF_ERROR(OpenFunction(spec, *function, serving));
  function::push::CheckToken check;
  if (serving.tokens) {
    check = [&serving](const std::string& token) { return serving.tokens->Check(token); };
  }
  serving.door = http::Server::Create(
      *serving.io_threads, {},
      options.pull
          ? HealthDoor()
          : function::push::PushDoor(*serving.function, std::move(check), *serving.workers));
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, serving.door->Listen(address));
  std::printf("afluente ready  function http://%s:%u\n",
              address.substr(0, address.rfind(':')).c_str(), port);
  std::fflush(stdout);
  if (options.pull) StartPulling(options, spec, *function, serving);
  return absl::OkStatus();
}

}  // namespace

int RunFunction(const FunctionOptions& options) {
  host::ShutdownSignal signal;
  const auto spec = spec::Load(options.spec_file);
  if (!spec.ok()) return FailRole(spec.status());
  LogForCloudRun(spec->project);
  Serving serving;
  const absl::Status opened = Open(options, *spec, MainDoor(options.listen, 8081), serving);
  if (!opened.ok()) return FailRole(opened);
  signal.Wait();
  if (serving.puller) serving.puller->StopReceiving();
  // What was accepted is answered while the door still stands; new pushes are told to come again.
  serving.function->Stop(serving.puller ? kPullGrace : kGrace);
  serving.puller.reset();  // sends the last acks
  serving.door->Stop(kDoorGrace);
  return 0;
}

}  // namespace afluente::roles
