#include "http/tls_identity.h"

#include <openssl/err.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "host/check.h"
#include "http/tls_context.h"
#include "telemetry/log.h"

namespace afluente::http {
namespace {

constexpr std::chrono::seconds kLookPause{1};

// What changes when a file is written again or replaced.
using Version = std::tuple<dev_t, ino_t, off_t, time_t, long>;

Version VersionOf(const std::string& file) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

// HTTP/1.1 where the client has it, as one port may serve both; gRPC's clients offer h2 alone.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kPreferred[] = "\x08http/1.1\x02h2\x04mqtt";
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, kPreferred, sizeof kPreferred - 1,
                                          offered, offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX* MakeContext(const SSL_METHOD* method) {
  // OpenSSL writes to sockets without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX* const context = SSL_CTX_new(method);
  AFLUENTE_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // An idle connection holds no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  return context;
}

absl::StatusOr<std::shared_ptr<TlsIdentity::Context>> Read(const std::string& certificate_file,
                                                           const std::string& key_file) {
  ERR_clear_error();
  auto context = std::make_shared<TlsIdentity::Context>(MakeContext(TLS_server_method()));
  if (SSL_CTX_use_certificate_chain_file(context->ssl, certificate_file.c_str()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(certificate_file, ": no certificate chain in PEM form: ", TlsError()));
  }
  // A key under a password would make OpenSSL ask at the terminal.
  SSL_CTX_set_default_passwd_cb(context->ssl, [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_PrivateKey_file(context->ssl, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context->ssl) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(key_file, ": no key in PEM form that fits the certificate: ", TlsError()));
  }
  SSL_CTX_set_options(context->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context->ssl, ChooseProtocol, nullptr);
  return context;
}

class WatchedIdentity final : public TlsIdentity {
 public:
  WatchedIdentity(std::string certificate_file, std::string key_file)
      : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

  absl::Status LoadFirst() {
    absl::MutexLock lock(&mutex_);
    return LoadLocked();
  }

  std::shared_ptr<Context> Current() override {
    absl::MutexLock lock(&mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now < next_look_) return current_;
    next_look_ = now + kLookPause;
    if (std::pair(VersionOf(certificate_file_), VersionOf(key_file_)) == versions_) return current_;
    const absl::Status loaded = LoadLocked();
    telemetry::Log(
        loaded.ok() ? telemetry::Severity::kInfo : telemetry::Severity::kWarning,
        loaded.ok() ? "the TLS certificate was read again"
                    : "the TLS certificate changed and cannot be used; the old one stays",
        {{"certificate_file", certificate_file_}, {"error", std::string(loaded.message())}});
    return current_;
  }

 private:
  absl::Status LoadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Before reading: a file that changes meanwhile is read again.
    versions_ = {VersionOf(certificate_file_), VersionOf(key_file_)};
    auto read = Read(certificate_file_, key_file_);
    if (!read.ok()) return read.status();
    current_ = *std::move(read);
    return absl::OkStatus();
  }

  const std::string certificate_file_;
  const std::string key_file_;
  absl::Mutex mutex_;
  // Shared with the connections that began with it.
  std::shared_ptr<Context> current_ ABSL_GUARDED_BY(mutex_);
  std::pair<Version, Version> versions_ ABSL_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point next_look_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::string TlsError() {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_peek_last_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return text;
}

TlsIdentity::Context& ClientTls() {
  static TlsIdentity::Context* const context = [] {
    auto* made = new TlsIdentity::Context(MakeContext(TLS_client_method()));
    // Without any trusted certificate every server is refused.
    SSL_CTX_set_default_verify_paths(made->ssl);
    SSL_CTX_set_verify(made->ssl, SSL_VERIFY_PEER, nullptr);
    return made;
  }();
  return *context;
}

absl::StatusOr<std::shared_ptr<TlsIdentity>> TlsIdentity::Load(const std::string& certificate_file,
                                                               const std::string& key_file) {
  auto identity = std::make_shared<WatchedIdentity>(certificate_file, key_file);
  AFLUENTE_RETURN_IF_ERROR(identity->LoadFirst());
  return std::shared_ptr<TlsIdentity>(std::move(identity));
}

}  // namespace afluente::http
