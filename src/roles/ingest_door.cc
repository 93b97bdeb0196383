#include "roles/ingest_door.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/server.h"
#include "source/http_ingest.h"
#include "source/idempotency.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

// Bodies in memory at once, all connections together.
constexpr uint64_t kBodiesBytesMax = 64 << 20;
// What a body may unpack to, times its limit.
constexpr uint64_t kUnpackedFactor = 10;

}  // namespace

// Destroyed from the last up.
struct IngestDoor::State {
  std::unique_ptr<source::DeliveryLog> log;
  std::unique_ptr<source::IdempotencyKeys> keys;
  std::unique_ptr<source::HttpIngest> ingest;
  std::unique_ptr<http::Server> server;
};

IngestDoor::IngestDoor() : state_(std::make_unique<State>()) {}
IngestDoor::~IngestDoor() { Stop(std::chrono::milliseconds(0)); }

absl::Status IngestDoor::Recover(const source::DeliveryLog::Parts& parts,
                                 const std::string& data_dir) {
  source::DeliveryLog::Recovered recovered;
  AFLUENTE_ASSIGN_OR_RETURN(
      state_->log, source::DeliveryLog::Open(parts, absl::StrCat(data_dir, "/ingest.deliveries"),
                                             {}, recovered));
  state_->keys = std::make_unique<source::IdempotencyKeys>(*state_->log, parts.clock,
                                                           source::IdempotencyKeys::Limits{});
  state_->keys->Restore(recovered);
  state_->log->Start([keys = state_->keys.get()] { return keys->Snapshot(); });
  return absl::OkStatus();
}

absl::StatusOr<std::string> IngestDoor::Open(const spec::Spec& spec, const std::string& address,
                                             const Parts& parts) {
  if (address.empty()) return "";
  source::HttpIngestOptions options;
  options.project = spec.project;
  options.unpacked_bytes_max = kUnpackedFactor * spec.limits.request_bytes;
  if (spec.access) options.hosts = spec.access->hosts;
  options.callers_are_known = parts.callers_are_known;
  options.keys_required = spec.sources.api_keys.has_value();
  if (spec.sources.api_keys) {
    for (const spec::ApiKey& key : *spec.sources.api_keys) {
      options.keys.push_back({key.name, absl::HexStringToBytes(key.sha256_hex), key.topics});
    }
  }
  state_->ingest = source::HttpIngest::Create(std::move(options), parts.publisher,
                                              state_->keys.get(), parts.metrics);
  http::ServerOptions server_options;
  server_options.tls = parts.tls;
  server_options.body_bytes_max = spec.limits.request_bytes;
  server_options.bodies_bytes_max = std::max(kBodiesBytesMax, spec.limits.request_bytes);
  server_options.on_refusal = [](http::Response& refusal) {
    if (refusal.status == 503) refusal.headers.Set("Retry-After", "1");
  };
  state_->server =
      http::Server::Create(parts.io_threads, server_options, state_->ingest->handler());
  AFLUENTE_ASSIGN_OR_RETURN(const uint16_t port, state_->server->Listen(address));
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

void IngestDoor::Stop(std::chrono::milliseconds grace) {
  if (state_->server) state_->server->Stop(grace);
  state_->ingest.reset();
  state_->server.reset();
  if (state_->log) state_->log->Stop();
}

}  // namespace afluente::roles
