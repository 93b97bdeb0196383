#include "roles/proxy.h"

#include <cstdio>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/clock.h"
#include "host/data_directory.h"
#include "host/file_system.h"
#include "host/shutdown.h"
#include "host/worker_pool.h"
#include "http/server.h"
#include "http/tls_identity.h"
#include "http/url.h"
#include "roles/cloud_run.h"
#include "roles/doorkeeper.h"
#include "roles/proxy_door.h"
#include "spec/spec.h"
#include "telemetry/log.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::milliseconds kGrace{8'000};
constexpr int kWorkers = 8;
constexpr size_t kWorkMax = 1'024;

// Torn down from the last up.
struct ProxyServing {
  host::SystemClock clock;
  host::PosixFileSystem files;
  std::unique_ptr<host::DataDirectory> directory;
  std::shared_ptr<http::TlsIdentity> tls;  // shared with the server; nullptr: plain
  std::unique_ptr<http::IoThreads> io_threads;
  std::unique_ptr<host::WorkerPool> workers;
  std::unique_ptr<Doorkeeper> doorkeeper;
  std::unique_ptr<ProxyDoor> door;
};

absl::StatusOr<http::Url> ReadUpstream(const std::string& text) {
  if (text.empty()) {
    return absl::InvalidArgumentError("--upstream: the URL of the API behind the proxy is needed");
  }
  auto url = http::ParseUrl(text);
  if (!url.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--upstream: ", std::string(url.status().message())));
  }
  if (url->target != "/") {
    return absl::InvalidArgumentError(
        absl::StrCat("--upstream ", text, ": paths are passed on as they are, so it has none"));
  }
  return url;
}

absl::Status Open(const ProxyRoleOptions& options, spec::Spec spec, const std::string& listen,
                  ProxyServing& serving) {
  if (!spec.access) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.spec_file, ": a proxy needs access:, which says who may come in"));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const http::Url upstream, ReadUpstream(options.upstream));
  ProxyDoor::Addresses addresses;
  addresses.listen = listen;
  addresses.data_dir = options.data_dir;
  const bool six = upstream.host.find(':') != std::string::npos;
  addresses.api = absl::StrCat(six ? "[" : "", upstream.host, six ? "]" : "", ":", upstream.port);
  if (upstream.tls) addresses.api_tls_host = upstream.host;
  addresses.api_host_field = upstream.authority;
  if (const auto& outside = spec.access->assertion) {
    addresses.issuer = outside->issuer;
    addresses.audience = outside->audience;
    // It signs here, with keys of its own.
    spec.access->assertion.reset();
  }
  AFLUENTE_RETURN_IF_ERROR(CheckAddress(spec, "--proxy-listen", listen));
  AFLUENTE_ASSIGN_OR_RETURN(serving.directory, host::DataDirectory::Open(options.data_dir));
  if (spec.tls) {
    AFLUENTE_ASSIGN_OR_RETURN(
        serving.tls, http::TlsIdentity::Load(spec.tls->certificate_file, spec.tls->key_file));
  }
  serving.io_threads =
      std::make_unique<http::IoThreads>(std::max(1u, std::thread::hardware_concurrency()));
  serving.workers = std::make_unique<host::WorkerPool>(kWorkers, kWorkMax);
  AFLUENTE_ASSIGN_OR_RETURN(serving.doorkeeper,
                            Doorkeeper::Open(spec, options.data_dir, serving.files, serving.clock));
  AFLUENTE_ASSIGN_OR_RETURN(serving.door,
                            ProxyDoor::Open(spec, addresses, *serving.doorkeeper,
                                            {serving.files, serving.clock, *serving.io_threads,
                                             *serving.workers, serving.tls, nullptr}));
  return absl::OkStatus();
}

}  // namespace

int RunProxy(const ProxyRoleOptions& options) {
  auto spec = spec::Load(options.spec_file);
  if (!spec.ok()) return FailRole(spec.status());
  LogForCloudRun(spec->project);
  const std::string listen = MainDoor(options.listen, 8080);
  host::ShutdownSignal shutdown;
  ProxyServing serving;
  const absl::Status opened = Open(options, *std::move(spec), listen, serving);
  if (!opened.ok()) return FailRole(opened);
  std::printf("afluente ready  proxy %s://%s:%u\n", serving.tls == nullptr ? "http" : "https",
              listen.substr(0, listen.rfind(':')).c_str(), unsigned{serving.door->port()});
  std::fflush(stdout);
  const int signal = shutdown.Wait();
  telemetry::Log(telemetry::Severity::kInfo, "stopping", {{"signal", std::to_string(signal)}});
  serving.door->Stop(kGrace);
  serving.workers.reset();
  return 0;
}

}  // namespace afluente::roles
