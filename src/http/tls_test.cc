#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "http/body_stream.h"
#include "http/client.h"
#include "http/connection_pool.h"
#include "http/forwarding_server.h"
#include "http/raw_connection.h"
#include "http/server.h"
#include "http/tls_identity.h"

namespace afluente::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

// A directory with a key and a certificate for localhost and 127.0.0.1, signed by itself.
class Certificate {
 public:
  Certificate() {
    char name[] = "/tmp/afluente-tls-XXXXXX";
    directory_ = mkdtemp(name);
    Renew("first");
  }
  ~Certificate() { std::filesystem::remove_all(directory_); }

  std::string certificate_file() const { return directory_ + "/tls.crt"; }
  std::string key_file() const { return directory_ + "/tls.key"; }

  // Another pair, whose subject is `name`, in place of the old.
  void Renew(const std::string& name) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    FILE* file = std::fopen((key_file() + ".new").c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    file = std::fopen((certificate_file() + ".new").c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    std::filesystem::rename(key_file() + ".new", key_file());
    std::filesystem::rename(certificate_file() + ".new", certificate_file());
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

 private:
  std::string directory_;
  long serial_ = 0;
};

// A client that believes any certificate and shows whose it was.
class TlsConnection {
 public:
  explicit TlsConnection(uint16_t port, std::string_view alpn = "") : raw_(port) {
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    if (!alpn.empty()) {
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned>(alpn.size()));
    }
    SSL_set_fd(ssl_, raw_.fd());
    shaken_ = SSL_connect(ssl_) == 1;
  }
  ~TlsConnection() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  bool shaken() const { return shaken_; }
  std::string subject() const {
    X509* const peer = SSL_get0_peer_certificate(ssl_);
    char name[256] = "";
    if (peer != nullptr) X509_NAME_oneline(X509_get_subject_name(peer), name, sizeof name);
    return name;
  }
  std::string alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  void Send(std::string_view bytes) {
    EXPECT_EQ(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  // Until the end; "<cut>" follows when it was no proper one.
  std::string ReadAll() {
    std::string all;
    char bytes[4096];
    int n = 0;
    while ((n = SSL_read(ssl_, bytes, sizeof bytes)) > 0) all.append(bytes, n);
    if (SSL_get_error(ssl_, n) != SSL_ERROR_ZERO_RETURN) all += "<cut>";
    ERR_clear_error();
    return all;
  }

 private:
  RawConnection raw_;
  SSL_CTX* context_;
  SSL* ssl_;
  bool shaken_ = false;
};

class TlsServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto tls = TlsIdentity::Load(certificate_.certificate_file(), certificate_.key_file());
    ASSERT_TRUE(tls.ok()) << tls.status();
    tls_ = *tls;
    ServerOptions options;
    options.tls = tls_;
    server_ = Server::Create(threads_, options, [](Request request, Responder responder) {
      if (request.path == "/cut") {
        Response cut;
        cut.stream = std::make_shared<BodyStream>();
        cut.stream->Write("half");
        cut.stream->Abort();
        return responder(std::move(cut));
      }
      if (request.path == "/large") {
        return responder(Response::Text(200, "text/plain", std::string(3 << 20, 'x') + "end"));
      }
      responder(Response::Text(200, "text/plain",
                               absl::StrCat(request.tls ? "tls " : "plain ", request.remote_address,
                                            " ", request.path, " ", request.body.size())));
    });
    auto port = server_->Listen("127.0.0.1:0");
    ASSERT_TRUE(port.ok()) << port.status();
    port_ = *port;
    setenv("SSL_CERT_FILE", certificate_.certificate_file().c_str(), 1);
  }

  Certificate certificate_;
  std::shared_ptr<TlsIdentity> tls_;
  IoThreads threads_{2};
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
};

TEST_F(TlsServerTest, ServesARequestAndKeepsTheConnection) {
  TlsConnection connection(port_);
  ASSERT_TRUE(connection.shaken());
  connection.Send("GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
  connection.Send("GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = connection.ReadAll();
  EXPECT_THAT(answers, HasSubstr("tls 127.0.0.1 /one 0HTTP/1.1 200 OK"));
  EXPECT_THAT(answers, EndsWith("tls 127.0.0.1 /two 0"));
}

TEST_F(TlsServerTest, MovesMuchBothWays) {
  TlsConnection connection(port_);
  connection.Send("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
  const std::string piece(10'000, 'y');
  for (int i = 0; i < 200; ++i) connection.Send(piece);
  connection.Send("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = connection.ReadAll();
  EXPECT_THAT(answers.substr(0, 1000), HasSubstr("/up 2000000"));
  EXPECT_GT(answers.size(), 3u << 20);
  EXPECT_THAT(answers, EndsWith("xend"));
}

TEST_F(TlsServerTest, AnAbortedBodyIsNoProperEnd) {
  TlsConnection connection(port_);
  connection.Send("GET /cut HTTP/1.0\r\n\r\n");
  EXPECT_THAT(connection.ReadAll(), EndsWith("half<cut>"));
}

TEST_F(TlsServerTest, PlainHttpIsNotServed) {
  RawConnection connection(port_);
  connection.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(connection.ReadAll(), testing::Not(HasSubstr("HTTP/1.1")));
}

TEST_F(TlsServerTest, PrefersHttp1WhereItIsOffered) {
  EXPECT_EQ(TlsConnection(port_, "\x02h2").alpn(), "h2");
  EXPECT_EQ(TlsConnection(port_, "\x02h2\x08http/1.1").alpn(), "http/1.1");
  TlsConnection unknown(port_, "\x03xyz");
  EXPECT_TRUE(unknown.shaken());
  EXPECT_EQ(unknown.alpn(), "");
}

TEST_F(TlsServerTest, NewConnectionsGetANewCertificate) {
  EXPECT_EQ(TlsConnection(port_).subject(), "/CN=first");
  certificate_.Renew("second");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string subject;
  while (subject != "/CN=second" && std::chrono::steady_clock::now() < end) {
    subject = TlsConnection(port_).subject();
    std::this_thread::yield();
  }
  EXPECT_EQ(subject, "/CN=second");
  // One that cannot be read leaves it in use.
  std::ofstream(certificate_.certificate_file()) << "no certificate";
  EXPECT_EQ(TlsConnection(port_).subject(), "/CN=second");
}

TEST_F(TlsServerTest, FetchAndPoolVerifyWhoItIs) {
  const std::string there = absl::StrCat(":", port_, "/there");
  const auto answer = Fetch("GET", "https://localhost" + there);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->body, HasSubstr("/there"));
  EXPECT_TRUE(Fetch("GET", "https://127.0.0.1" + there).ok());
  // The certificate names no such address.
  EXPECT_FALSE(Fetch("GET", "https://[::1]" + there).ok());
  setenv("SSL_CERT_FILE", "/nowhere", 1);
  const auto untrusted = Fetch("GET", "https://localhost" + there);
  EXPECT_EQ(untrusted.status().code(), absl::StatusCode::kUnavailable) << untrusted.status();
}

TEST_F(TlsServerTest, AcceptorTellsTheFirstBytes) {
  auto acceptor = Acceptor::Listen(
      threads_, "127.0.0.1:0",
      [this](int fd, const std::string& first, Peer peer) {
        peer.address += " " + first;
        server_->Adopt(fd, std::move(peer));
      },
      tls_);
  ASSERT_TRUE(acceptor.ok()) << acceptor.status();
  TlsConnection connection((*acceptor)->port());
  for (const char byte :
       std::string("GET /dribbled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) {
    connection.Send({&byte, 1});
  }
  EXPECT_THAT(connection.ReadAll(), EndsWith("tls 127.0.0.1 GET  /dribbled 0"));
  (*acceptor)->Stop();
}

TEST_F(TlsServerTest, AProxyReachesAnHttpsUpstream) {
  ForwardingOptions options;
  options.tls = tls_;
  std::string host = "localhost";
  auto proxy = ForwardingServer::Create(
      threads_, options, [&](Request request, absl::AnyInvocable<void(Verdict)> done) {
        ForwardTo to;
        to.address = absl::StrCat("127.0.0.1:", port_);
        to.tls_host = host;
        to.target = request.target;
        to.headers.Add("Host", "x");
        done(std::move(to));
      });
  auto port = proxy->Listen("127.0.0.1:0");
  ASSERT_TRUE(port.ok()) << port.status();
  const std::string url = absl::StrCat("https://localhost:", *port, "/through");
  const auto answer = Fetch("GET", url);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->body, HasSubstr("tls 127.0.0.1 /through"));
  host = "elsewhere.example";
  const auto refused = Fetch("GET", absl::StrCat("https://localhost:", *port, "/other"));
  ASSERT_TRUE(refused.ok()) << refused.status();
  // A kept connection was made to the other name.
  EXPECT_EQ(refused->status, 502);
}

TEST(TlsIdentity, SaysWhichFileIsWrong) {
  Certificate certificate;
  auto missing = TlsIdentity::Load("/nowhere.crt", certificate.key_file());
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nowhere.crt: no certificate"));
  std::ofstream(certificate.key_file()) << "no key";
  auto wrong = TlsIdentity::Load(certificate.certificate_file(), certificate.key_file());
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("tls.key: no key"));
}

}  // namespace
}  // namespace afluente::http
