#include "roles/ingest_role.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "broker/gcp/google_publisher.h"
#include "broker/remote_topic.h"
#include "host/check.h"
#include "host/clock.h"
#include "host/data_directory.h"
#include "host/file_system.h"
#include "host/shutdown.h"
#include "http/server.h"
#include "http/tls_identity.h"
#include "roles/cloud_run.h"
#include "roles/doorkeeper.h"
#include "roles/google_pubsub.h"
#include "roles/ingest_door.h"
#include "roles/mqtt_door.h"
#include "spec/spec.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::milliseconds kGrace{6'000};

// Torn down from the last up: the doors wait for their messages' answers.
struct Serving {
  host::SystemClock clock;
  host::PosixFileSystem files;
  telemetry::Metrics metrics;
  absl::Notification stopped;  // the doors are shut
  std::unique_ptr<host::DataDirectory> directory;
  std::unique_ptr<broker::gcp::GooglePublisher> publisher;
  std::shared_ptr<http::TlsIdentity> tls;  // shared with the server; nullptr: plain
  std::unique_ptr<http::IoThreads> io_threads;
  MqttDoor mqtt;
  IngestDoor http;
};

absl::Status OpenHttp(const IngestOptions& options, const spec::Spec& spec,
                      const std::string& address, Serving& serving, std::string& ready) {
  if (options.verified_by_cloud_run && std::getenv("K_SERVICE") == nullptr) {
    return absl::InvalidArgumentError("--verified-by-cloud-run is for Cloud Run alone");
  }
  if (!options.verified_by_cloud_run) {
    AFLUENTE_RETURN_IF_ERROR(CheckAddress(spec, "--ingest-listen", address));
  }
  if (spec.tls) {
    AFLUENTE_ASSIGN_OR_RETURN(
        serving.tls, http::TlsIdentity::Load(spec.tls->certificate_file, spec.tls->key_file));
  }
  IngestDoor::Parts parts{*serving.io_threads, *serving.publisher, serving.metrics, serving.tls};
  parts.callers_are_known = options.verified_by_cloud_run;
  AFLUENTE_ASSIGN_OR_RETURN(const std::string bound, serving.http.Open(spec, address, parts));
  absl::StrAppend(&ready, "  ingest ", serving.tls ? "https://" : "http://", bound);
  return absl::OkStatus();
}

absl::Status OpenMqtt(const IngestOptions& options, const spec::Spec& spec, Serving& serving,
                      std::string& ready) {
  MqttDoor::Addresses addresses{options.mqtt_listen, options.mqtts_listen};
  if (addresses.plain.empty() && addresses.tls.empty()) return absl::OkStatus();
  if (!spec.sources.mqtt) {
    return absl::InvalidArgumentError("--mqtt-listen needs sources.mqtt in the specification");
  }
  for (const auto& [flag, address] : {std::pair{"--mqtt-listen", &addresses.plain},
                                      std::pair{"--mqtts-listen", &addresses.tls}}) {
    if (!address->empty()) AFLUENTE_RETURN_IF_ERROR(CheckAddress(spec, flag, *address));
  }
  AFLUENTE_ASSIGN_OR_RETURN(serving.directory, host::DataDirectory::Open(options.data_dir));
  AFLUENTE_RETURN_IF_ERROR(
      serving.mqtt.Recover(spec, {serving.files, nullptr, serving.clock}, options.data_dir));
  AFLUENTE_RETURN_IF_ERROR(serving.mqtt.Open(
      spec, addresses, {*serving.io_threads, *serving.publisher, serving.clock, serving.metrics}));
  if (!addresses.plain.empty()) absl::StrAppend(&ready, "  mqtt ", addresses.plain);
  if (!addresses.tls.empty()) absl::StrAppend(&ready, "  mqtts ", addresses.tls);
  return absl::OkStatus();
}

absl::Status Open(const IngestOptions& options, const spec::Spec& spec, Serving& serving) {
  serving.publisher = std::make_unique<broker::gcp::GooglePublisher>(
      DialTopics(PubsubAddress(options.google.pubsub)), serving.clock);
  serving.io_threads =
      std::make_unique<http::IoThreads>(std::max(1u, std::thread::hardware_concurrency()));
  std::string ready = "afluente ready";
  AFLUENTE_RETURN_IF_ERROR(OpenHttp(options, spec, MainDoor(options.listen, 8090), serving, ready));
  AFLUENTE_RETURN_IF_ERROR(OpenMqtt(options, spec, serving, ready));
  std::printf("%s\n", ready.c_str());
  std::fflush(stdout);
  return absl::OkStatus();
}

}  // namespace

int RunIngest(const IngestOptions& options) {
  host::ShutdownSignal signal;
  const auto spec = spec::Load(options.spec_file);
  if (!spec.ok()) return FailRole(spec.status());
  LogForCloudRun(spec->project);
  Serving serving;
  if (auto status = Open(options, *spec, serving); !status.ok()) return FailRole(status);
  signal.Wait();
  telemetry::Log(telemetry::Severity::kInfo, "stopping", {});
  const auto end = serving.clock.Monotonic() + kGrace;
  const auto left = [&] {
    return std::max(
        std::chrono::milliseconds(0),
        std::chrono::duration_cast<std::chrono::milliseconds>(end - serving.clock.Monotonic()));
  };
  // A publish that Pub/Sub does not answer must not hold the doors beyond the grace.
  std::thread guard([&] {
    while (!serving.stopped.WaitForNotificationWithTimeout(absl::FromChrono(left()))) {
      if (left() > std::chrono::milliseconds(0)) continue;
      serving.publisher->Cancel();
      return;
    }
  });
  serving.http.Stop(left());
  serving.mqtt.Stop(left());
  serving.stopped.Notify();
  guard.join();
  return 0;
}

}  // namespace afluente::roles
