#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace afluente::http {

// A certificate chain and its key, both PEM files: what the doors that speak TLS (1.2 and later)
// prove themselves with. When a file changes, connections from then on get the new pair without a
// restart; one that cannot be read or does not fit leaves the old in use and is logged. Shared by
// all doors; thread-safe.
class TlsIdentity {
 public:
  // INVALID_ARGUMENT says which file is wrong, and why.
  static absl::StatusOr<std::shared_ptr<TlsIdentity>> Load(const std::string& certificate_file,
                                                           const std::string& key_file);
  virtual ~TlsIdentity() = default;

  // OpenSSL's settings; named in tls_context.h alone.
  struct Context;
  // The pair in use; looks at the files at most once a second.
  virtual std::shared_ptr<Context> Current() = 0;
};

}  // namespace afluente::http
