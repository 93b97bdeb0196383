#include "roles/google_pubsub.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "broker/remote_topic.h"
#include "spec/sources.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::milliseconds kTimeout{30'000};
constexpr char kPlain[] = "http://";

class GrpcRemoteTopic final : public broker::RemoteTopic {
 public:
  explicit GrpcRemoteTopic(std::unique_ptr<broker::wire::PubsubClient> client)
      : client_(std::move(client)) {}
  void Publish(const std::string& topic, std::vector<event::Draft> batch,
               broker::Publisher::Published done) override {
    client_->Publish(topic, std::move(batch), std::move(done));
  }
  void Cancel() override { client_->Cancel(); }

 private:
  const std::unique_ptr<broker::wire::PubsubClient> client_;
};

}  // namespace

std::string PubsubAddress(const std::string& given) {
  if (absl::StartsWith(given, kPlain)) return given.substr(sizeof kPlain - 1);
  if (!given.empty()) return given;
  const char* const emulator = std::getenv("PUBSUB_EMULATOR_HOST");
  return emulator == nullptr || *emulator == '\0' ? spec::kGooglePubsub : emulator;
}

broker::wire::ClientOptions PubsubOptions(const std::string& address) {
  broker::wire::ClientOptions options;
  options.timeout = kTimeout;
  options.google = absl::EndsWith(address.substr(0, address.rfind(':')), ".googleapis.com");
  return options;
}

std::unique_ptr<broker::RemoteTopic> DialTopics(const std::string& address) {
  return std::make_unique<GrpcRemoteTopic>(
      broker::wire::PubsubClient::Create(address, PubsubOptions(address)));
}

}  // namespace afluente::roles
