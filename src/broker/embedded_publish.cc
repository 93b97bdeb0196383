#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/batch.h"
#include "broker/embedded_broker.h"
#include "broker/errors.h"
#include "broker/limits.h"
#include "broker/schema_table.h"
#include "broker/state.h"
#include "broker/topic.h"
#include "broker/transform_chain.h"
#include "host/check.h"
#include "host/random.h"
#include "host/worker_pool.h"

namespace afluente::broker {
namespace {

// A publish's transforms altogether; a client has given up long before.
constexpr std::chrono::seconds kTransformTimeMax{60};

void SetAttribute(event::Attributes& attributes, std::string_view key, std::string value) {
  auto it = std::lower_bound(attributes.begin(), attributes.end(), key,
                             [](const auto& entry, std::string_view k) { return entry.first < k; });
  if (it != attributes.end() && it->first == key) {
    it->second = std::move(value);
  } else {
    attributes.emplace(it, key, std::move(value));
  }
}

absl::Status DeletedSchema(std::string_view topic) {
  return absl::FailedPreconditionError(
      absl::StrCat("The topic's schema was deleted (resource=", std::string(topic), ")."));
}

// Of a message that a topic's transform dropped: unlike any kept one's, whose incarnation is not 0.
std::string DroppedId() { return MessageId(0, host::RandomUint64() % kSequenceMax); }

// The ids of all messages of the request, where only some were `kept`.
std::vector<std::string> WithDropped(std::vector<std::string> ids, const std::vector<bool>& kept) {
  std::vector<std::string> all;
  all.reserve(kept.size());
  auto next = ids.begin();
  for (bool was_kept : kept) all.push_back(was_kept ? std::move(*next++) : DroppedId());
  return all;
}

}  // namespace

absl::StatusOr<std::vector<bool>> EmbeddedBroker::Transform(
    const TransformChain& transforms, std::vector<event::Draft>& drafts) const {
  const host::MonotonicTime give_up = clock_.Monotonic() + kTransformTimeMax;
  std::vector<bool> kept;
  std::vector<event::Draft> made;
  for (event::Draft& draft : drafts) {
    if (clock_.Monotonic() > give_up) {
      return absl::DeadlineExceededError("The topic's message transforms took too long.");
    }
    event::Message message;
    message.data = std::move(draft.data);
    message.attributes = std::move(draft.attributes);
    message.ordering_key = std::move(draft.ordering_key);
    message.publish_time = clock_.Now();
    AFLUENTE_ASSIGN_OR_RETURN(script::Transformed transformed, transforms.Apply(message));
    kept.push_back(transformed.has_value());
    if (transformed.has_value()) made.push_back(*std::move(transformed));
  }
  drafts = std::move(made);
  if (!drafts.empty()) AFLUENTE_RETURN_IF_ERROR(CheckBatch(drafts));
  return kept;
}

absl::Status EmbeddedBroker::FitSchema(const Topic& topic,
                                       std::vector<event::Draft>& drafts) const {
  std::optional<SchemaSettings> settings = topic.settings().schema;
  if (!settings) return absl::OkStatus();
  SchemaTable::Shared history = state_->schemas().Find(settings->schema);
  if (!history) return DeletedSchema(topic.name());
  const char* encoding = settings->encoding == Encoding::kBinary ? "BINARY" : "JSON";
  for (event::Draft& draft : drafts) {
    AFLUENTE_ASSIGN_OR_RETURN(std::string revision, history->Validate(*settings, draft.data));
    // Pub/Sub tells subscribers so what the data was validated against.
    SetAttribute(draft.attributes, "googclient_schemaencoding", encoding);
    SetAttribute(draft.attributes, "googclient_schemaname", settings->schema);
    SetAttribute(draft.attributes, "googclient_schemarevisionid", std::move(revision));
  }
  return absl::OkStatus();
}

absl::Status EmbeddedBroker::ApplyRules(const Topic& topic,
                                        std::vector<event::Draft>& drafts) const {
  if (const auto transforms = topic.transforms(); transforms != nullptr) {
    AFLUENTE_RETURN_IF_ERROR(Transform(*transforms, drafts).status());
  }
  return FitSchema(topic, drafts);
}

void EmbeddedBroker::PublishByRules(std::shared_ptr<Topic> topic, std::vector<event::Draft> drafts,
                                    uint64_t bytes, Published done) {
  std::shared_ptr<const TransformChain> transforms = topic->transforms();
  std::vector<bool> kept(drafts.size(), true);
  absl::Status refused;
  if (transforms != nullptr) {
    absl::StatusOr<std::vector<bool>> transformed = Transform(*transforms, drafts);
    refused = transformed.status();
    if (transformed.ok()) kept = *std::move(transformed);
  }
  // The schema is what subscribers may rely on, so it sees what the transforms made.
  if (refused.ok()) refused = FitSchema(*topic, drafts);
  if (!refused.ok() || drafts.empty()) {
    waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    if (refused.ok()) return done(WithDropped({}, kept));
    return done(std::move(refused));
  }
  AppendPublish(topic, std::move(drafts), bytes,
                [kept = std::move(kept),
                 done = std::move(done)](absl::StatusOr<std::vector<std::string>> ids) mutable {
                  if (ids.ok()) ids = WithDropped(*std::move(ids), kept);
                  done(std::move(ids));
                });
}

void EmbeddedBroker::PublishOnWorker(std::shared_ptr<Topic> topic, std::vector<event::Draft> drafts,
                                     uint64_t bytes, Published done) {
  // Shared, so that it is still there when the pool takes no more.
  auto answer = std::make_shared<Published>(std::move(done));
  bool taken = transforming_->Submit(
      [this, topic = std::move(topic), drafts = std::move(drafts), bytes, answer]() mutable {
        PublishByRules(std::move(topic), std::move(drafts), bytes, std::move(*answer));
      });
  if (taken) return;
  waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  (*answer)(absl::ResourceExhaustedError("Too many publishes wait for message transforms."));
}

}  // namespace afluente::broker
