#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "host/clock.h"

namespace afluente::identity {
class VerifyingKey;
}

namespace afluente::roles {

using DeviceKeys = std::vector<std::shared_ptr<const identity::VerifyingKey>>;

// A public key in PEM (SubjectPublicKeyInfo), RSA of 2048 bits or more or P-256.
absl::StatusOr<std::shared_ptr<const identity::VerifyingKey>> ReadPublicKey(const std::string& pem);

// When the device's token ends. UNAUTHENTICATED, with the reason, unless one of `keys` signed it
// (RS256, ES256), its audience is `project`, and `now` lies between iat and exp, which are at most
// a day apart; a device's clock may be ten minutes off. Pure.
absl::StatusOr<host::WallTime> CheckDeviceToken(const std::string& token, const DeviceKeys& keys,
                                                std::string_view project, host::WallTime now);

}  // namespace afluente::roles
