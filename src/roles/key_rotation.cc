#include "roles/key_rotation.h"

#include <utility>

#include "absl/time/time.h"
#include "identity/key_store.h"
#include "telemetry/log.h"

namespace afluente::roles {

KeyRotation::KeyRotation(std::vector<identity::KeyStore*> stores, std::chrono::milliseconds every) {
  thread_ = std::thread([this, stores = std::move(stores), every] {
    while (!stop_.WaitForNotificationWithTimeout(absl::FromChrono(every))) {
      for (identity::KeyStore* const store : stores) {
        const absl::Status rotated = store->RotateIfDue();
        if (rotated.ok()) continue;
        telemetry::Log(telemetry::Severity::kError, "keys could not be rotated; the old one signs",
                       {{"error", std::string(rotated.message())}});
      }
    }
  });
}

KeyRotation::~KeyRotation() {
  stop_.Notify();
  thread_.join();
}

}  // namespace afluente::roles
