#pragma once

// Private to this folder, as it names OpenSSL.
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "http/tls_identity.h"

namespace afluente::http {

struct TlsIdentity::Context {
  explicit Context(SSL_CTX* made) : ssl(made) {}
  ~Context() { SSL_CTX_free(ssl); }
  Context(const Context&) = delete;
  SSL_CTX* const ssl;
};

// For connections to others: trusts what the machine trusts (OpenSSL's default places;
// SSL_CERT_FILE changes them). One for the process.
TlsIdentity::Context& ClientTls();

// The reasons that OpenSSL has for the last failure of this thread.
std::string TlsError();

}  // namespace afluente::http
