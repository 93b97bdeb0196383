#include "warehouse/storage/storage_door.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/storage/read_service.h"
#include "warehouse/storage/write_service.h"
#include "warehouse/table_writer.h"

namespace afluente::warehouse::storage {
namespace {

using schema::Concat;

constexpr int kMessageBytesMax = 20 << 20;
constexpr unsigned int kCertificateSeconds = 1;  // between looks at the files

class GrpcStorageDoor final : public StorageDoor {
 public:
  GrpcStorageDoor(const StorageParts& parts, AdmitCaller admit)
      : admit_(std::move(admit)),
        streams_(parts.writer, parts.catalog, parts.clock, &RestageRows),
        sessions_(parts.warehouse, parts.catalog, parts.clock, parts.writer.staging_directory()),
        write_(streams_, parts.catalog, admit_),
        read_(sessions_, admit_) {}
  ~GrpcStorageDoor() override { Stop(std::chrono::milliseconds(0)); }

  absl::Status Open() { return streams_.Open(); }

  absl::StatusOr<uint16_t> Listen(const std::string& address, const std::string& certificate_file,
                                  const std::string& key_file) override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, Credentials(certificate_file, key_file), &port);
    builder.RegisterService(&write_);
    builder.RegisterService(&read_);
    builder.SetMaxReceiveMessageSize(kMessageBytesMax);
    grpc::ResourceQuota quota("storage");
    quota.SetMaxThreads(kCallsMax);
    builder.SetResourceQuota(quota);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(Concat("cannot listen on ", address));
    }
    return static_cast<uint16_t>(port);
  }

  void Stop(std::chrono::milliseconds grace) override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    server_->Wait();
    server_.reset();
  }

 private:
  // gRPC looks at the files itself: a pair that does not fit leaves the old in use.
  static std::shared_ptr<grpc::ServerCredentials> Credentials(const std::string& certificate_file,
                                                              const std::string& key_file) {
    if (certificate_file.empty()) return grpc::InsecureServerCredentials();
    grpc::experimental::TlsServerCredentialsOptions options(
        std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
            key_file, certificate_file, kCertificateSeconds));
    options.watch_identity_key_cert_pairs();
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    return grpc::experimental::TlsServerCredentials(options);
  }

  const AdmitCaller admit_;
  WriteStreams streams_;
  ReadSessions sessions_;
  WriteService write_;
  ReadService read_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StorageDoor>> StorageDoor::Create(const StorageParts& parts,
                                                                 AdmitCaller admit) {
  auto door = std::make_unique<GrpcStorageDoor>(parts, std::move(admit));
  AFLUENTE_RETURN_IF_ERROR(door->Open());
  return std::unique_ptr<StorageDoor>(std::move(door));
}

}  // namespace afluente::warehouse::storage
