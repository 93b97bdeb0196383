#include "roles/mqtt_door.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/loopback_guard.h"
#include "roles/device_gate.h"
#include "source/mqtt/server.h"
#include "spec/spec.h"
#include "telemetry/log.h"

namespace afluente::roles {
namespace {

using source::mqtt::Route;

std::vector<Route> RoutesOf(const spec::Spec& spec) {
  std::vector<Route> routes;
  for (const spec::MqttRoute& from : spec.sources.mqtt->routes) {
    Route route;
    route.filter = from.filter;
    route.topic = absl::StrCat("projects/", spec.project, "/topics/", from.topic);
    route.attributes = from.attributes;
    if (from.ordering_key == "mqtt_topic") route.order_by = Route::OrderBy::kTopic;
    if (from.ordering_key == "mqtt_client_id") route.order_by = Route::OrderBy::kClientId;
    routes.push_back(std::move(route));
  }
  return routes;
}

std::string WithPort(const std::string& address, uint16_t port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

// Destroyed from the last up.
struct MqttDoor::State {
  source::mqtt::DoorLimits limits;
  std::unique_ptr<source::DeliveryLog> log;
  std::unique_ptr<source::mqtt::SessionTable> sessions;
  std::unique_ptr<source::mqtt::Server> server;
  std::unique_ptr<DeviceGate> gate;  // its work posts to the server's connections
};

MqttDoor::MqttDoor() : state_(std::make_unique<State>()) {}
MqttDoor::~MqttDoor() { Stop(std::chrono::milliseconds(0)); }

absl::Status MqttDoor::Recover(const spec::Spec& spec, const source::DeliveryLog::Parts& parts,
                               const std::string& data_dir) {
  if (!spec.sources.mqtt) return absl::OkStatus();
  source::DeliveryLog::Recovered recovered;
  AFLUENTE_ASSIGN_OR_RETURN(
      state_->log,
      source::DeliveryLog::Open(parts, absl::StrCat(data_dir, "/mqtt.deliveries"), {}, recovered));
  state_->sessions = std::make_unique<source::mqtt::SessionTable>(*state_->log, parts.clock,
                                                                  state_->limits.sessions_max);
  state_->sessions->Restore(recovered);
  state_->log->Start([sessions = state_->sessions.get()] { return sessions->Snapshot(); });
  const source::mqtt::Routes routes(RoutesOf(spec));
  for (const std::string& topic : routes.topics()) {
    AFLUENTE_RETURN_IF_ERROR(state_->log->Cover(topic));
  }
  return absl::OkStatus();
}

absl::Status MqttDoor::Open(const spec::Spec& spec, Addresses& addresses, const Parts& parts) {
  const std::string plain = std::exchange(addresses.plain, "");
  const std::string tls = std::exchange(addresses.tls, "");
  if (!spec.sources.mqtt) return absl::OkStatus();
  state_->limits.packet_bytes_max =
      std::min(state_->limits.packet_bytes_max, spec.limits.request_bytes);
  AFLUENTE_ASSIGN_OR_RETURN(state_->gate,
                            DeviceGate::Create(*spec.sources.mqtt, spec.project, parts.clock));
  state_->server = source::mqtt::Server::Create(
      {parts.io_threads, parts.publisher, *state_->sessions, parts.clock, parts.metrics},
      RoutesOf(spec), state_->gate->admit(), state_->limits);
  if (!plain.empty()) {
    if (!http::IsLoopbackAuthority(plain, {})) {
      telemetry::Log(telemetry::Severity::kWarning,
                     "MQTT without TLS leaves loopback: passwords can be read on the way",
                     {{"address", plain}});
    }
    AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, state_->server->Listen(plain));
    addresses.plain = WithPort(plain, port);
  }
  if (!tls.empty() && spec.sources.mqtt->tls) {
    const spec::MqttTls& files = *spec.sources.mqtt->tls;
    AFLUENTE_ASSIGN_OR_RETURN(
        const uint16_t port, state_->server->ListenTls(tls, {files.certificate_file, files.key_file,
                                                             files.client_ca_file}));
    addresses.tls = WithPort(tls, port);
  }
  return absl::OkStatus();
}

void MqttDoor::Stop(std::chrono::milliseconds grace) {
  if (state_->server) state_->server->Stop(grace);
  state_->gate.reset();
  state_->server.reset();
  if (state_->log) state_->log->Stop();
}

}  // namespace afluente::roles
