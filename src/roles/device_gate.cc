#include "roles/device_gate.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "host/digest.h"
#include "host/worker_pool.h"
#include "roles/device_token.h"
#include "spec/sources.h"

namespace afluente::roles {
namespace {

// A password's hash takes tens of milliseconds on purpose.
constexpr int kThreads = 2;
constexpr size_t kWaitingMax = 1'024;

using source::mqtt::Admission;
using source::mqtt::Credentials;
using Answer = absl::AnyInvocable<void(absl::StatusOr<Admission>)>;

struct Device {
  std::optional<host::PasswordHash> password;
  DeviceKeys keys;
  bool certificate = false;
  std::vector<std::string> topics;
};

}  // namespace

struct DeviceGate::State {
  State(std::string project_id, const host::Clock& gate_clock)
      : project(std::move(project_id)), clock(gate_clock) {}

  absl::StatusOr<Admission> Check(const Credentials& credentials) const;

  const std::string project;
  const host::Clock& clock;
  bool required = false;
  std::map<std::string, Device> devices;
  std::unique_ptr<host::WorkerPool> workers;  // last: its work reads the rest
};

absl::StatusOr<Admission> DeviceGate::State::Check(const Credentials& credentials) const {
  const auto found = devices.find(credentials.client_id);
  const std::string password = credentials.password.value_or("");
  if (found == devices.end()) {
    // As slow as a known device's wrong password.
    static const host::PasswordHash kNobody = host::PasswordHash::Make("");
    (void)kNobody.Fits(password);
    return absl::UnauthenticatedError("unknown device");
  }
  const Device& device = found->second;
  Admission admission;
  admission.topics = device.topics;
  if (device.certificate && credentials.certificate_name == credentials.client_id) return admission;
  if (password.empty()) return absl::UnauthenticatedError("no credentials");
  if (!device.keys.empty()) {
    auto expires = CheckDeviceToken(password, device.keys, project, clock.Now());
    if (expires.ok()) admission.expires = *expires;
    if (expires.ok()) return admission;
    if (!device.password) return expires.status();
  }
  if (device.password && device.password->Fits(password)) return admission;
  return absl::UnauthenticatedError("wrong credentials");
}

absl::StatusOr<std::unique_ptr<DeviceGate>> DeviceGate::Create(const spec::MqttSource& source,
                                                               const std::string& project,
                                                               const host::Clock& clock) {
  auto state = std::make_unique<State>(project, clock);
  state->required = source.devices_required;
  for (const spec::MqttDevice& from : source.devices) {
    const auto wrong = [&](const std::string& what) {
      return absl::InvalidArgumentError(
          absl::StrCat("sources.mqtt: device ", from.client_id, ": ", what));
    };
    Device device;
    device.certificate = from.certificate;
    device.topics = from.topics;
    if (!from.password_hash.empty()) {
      device.password = host::PasswordHash::Parse(from.password_hash);
      if (!device.password) return wrong("password_hash is no hash of ours");
    }
    for (const std::string& pem : from.public_keys) {
      auto key = ReadPublicKey(pem);
      if (!key.ok()) return wrong(std::string(key.status().message()));
      device.keys.push_back(*std::move(key));
    }
    state->devices.emplace(from.client_id, std::move(device));
  }
  state->workers = std::make_unique<host::WorkerPool>(kThreads, kWaitingMax);
  return std::unique_ptr<DeviceGate>(new DeviceGate(std::move(state)));
}

DeviceGate::DeviceGate(std::unique_ptr<State> state) : state_(std::move(state)) {}
DeviceGate::~DeviceGate() = default;

source::mqtt::Admit DeviceGate::admit() {
  return [state = state_.get()](Credentials credentials, Answer answer) {
    if (!state->required) return answer(Admission{});
    // Shared, so that it is still there when the pool takes no more.
    auto shared = std::make_shared<Answer>(std::move(answer));
    const bool taken = state->workers->Submit([state, credentials = std::move(credentials),
                                               shared] { (*shared)(state->Check(credentials)); });
    if (!taken) (*shared)(absl::ResourceExhaustedError("too many connect at once"));
  };
}

}  // namespace afluente::roles
