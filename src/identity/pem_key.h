#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "identity/jose.h"

namespace afluente::identity {

// The RSA key pair of a PEM text (PKCS #8 or PKCS #1), as Google's service-account files have it,
// under the key id `id`. INVALID_ARGUMENT when it is none, or another kind of key.
absl::StatusOr<std::shared_ptr<const SigningKey>> KeyFromPem(const std::string& pem,
                                                             const std::string& id);

}  // namespace afluente::identity
