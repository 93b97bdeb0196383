#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace afluente::identity {

// Port: signs with keys that it keeps to itself. Thread-safe; does not block.
class Signer {
 public:
  virtual ~Signer() = default;
  // A compact JWS (RFC 7515) over `claims`, a JSON object's text, by the newest key. INTERNAL when
  // the cryptography library fails.
  virtual absl::StatusOr<std::string> Sign(std::string_view claims) const = 0;
  // The JWK set (RFC 7517) of every key whose tokens may still be in use; public members only.
  virtual std::string PublicKeys() const = 0;
};

}  // namespace afluente::identity
