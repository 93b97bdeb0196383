#include <algorithm>
#include <atomic>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "broker/wire/client.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/record_input.h"
#include "host/check.h"
#include "schema/format_value.h"

namespace afluente::cli {
namespace {

constexpr size_t kBatchMessages = 1'000;
constexpr size_t kBatchBytes = 1 << 20;

absl::StatusOr<event::Attributes> ParseAttributes(const std::vector<std::string>& pairs) {
  event::Attributes attributes;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(absl::StrCat("--attribute ", pair, ": expected KEY=VALUE"));
    }
    attributes.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  std::sort(attributes.begin(), attributes.end());
  for (size_t i = 1; i < attributes.size(); ++i) {
    if (attributes[i].first == attributes[i - 1].first) {
      return absl::InvalidArgumentError(
          absl::StrCat("--attribute ", attributes[i].first, " is given twice"));
    }
  }
  return attributes;
}

// Sends records in batches and keeps count of what was acknowledged.
class Sender {
 public:
  Sender(broker::wire::PubsubClient& client, std::string topic, event::Draft pattern)
      : client_(client), topic_(std::move(topic)), pattern_(std::move(pattern)) {}

  // The record's number in its input, from 1.
  void Add(uint64_t number, std::string data) {
    if (batch_.empty()) first_ = number;
    bytes_ += data.size();
    event::Draft draft = pattern_;
    draft.data = std::move(data);
    batch_.push_back(std::move(draft));
    if (batch_.size() >= kBatchMessages || bytes_ >= kBatchBytes) Send();
  }

  void Send() {
    if (batch_.empty()) return;
    bytes_ = 0;
    const uint64_t first = first_, last = first_ + batch_.size() - 1;
    {
      absl::MutexLock lock(&mutex_);
      open_.insert(first);
      last_sent_ = last;
    }
    client_.Publish(topic_, std::exchange(batch_, {}),
                    [this, first, last](const absl::StatusOr<std::vector<std::string>>& ids) {
                      absl::MutexLock lock(&mutex_);
                      if (ids.ok()) {
                        acknowledged_ += ids->size();
                        open_.erase(first);
                      } else if (error_.ok()) {
                        error_ = absl::Status(ids.status().code(),
                                              absl::StrCat("records ", first, " to ", last, ": ",
                                                           ids.status().message()));
                      }
                    });
  }

  // So many records from the first on are acknowledged without a gap, when none is in flight.
  uint64_t done() const {
    absl::MutexLock lock(&mutex_);
    return open_.empty() ? last_sent_ : *open_.begin() - 1;
  }
  uint64_t acknowledged() const { return acknowledged_; }
  absl::Status error() const {
    absl::MutexLock lock(&mutex_);
    return error_;
  }

 private:
  broker::wire::PubsubClient& client_;
  const std::string topic_;
  const event::Draft pattern_;
  std::vector<event::Draft> batch_;
  size_t bytes_ = 0;
  uint64_t first_ = 0;  // of the batch
  std::atomic<uint64_t> acknowledged_{0};
  mutable absl::Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);  // the first one
  // The first records of the batches that are not acknowledged.
  std::set<uint64_t> open_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_sent_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::Status PublishAll(RecordInput& input, Sender& sender, broker::wire::PubsubClient& client) {
  Progress progress("publishing " + input.name(), input.bytes_total());
  absl::Status status;
  while (true) {
    auto record = input.Next();
    if (!record.ok()) {
      status = record.status();
      break;
    }
    if (!*record) break;
    sender.Add(input.records(), **std::move(record));
    progress.Update(input.bytes_read(), sender.acknowledged(), "messages");
    if (!sender.error().ok()) break;
  }
  sender.Send();
  client.Flush();
  progress.Finish(sender.acknowledged(), "messages acknowledged");
  return status.ok() ? sender.error() : status;
}

void PrintMessage(const broker::wire::Received& received, bool json) {
  const event::Message& message = received.message;
  if (!json) {
    // Not printf: the data may hold any byte.
    std::fwrite(message.data.data(), 1, message.data.size(), stdout);
    std::fputc('\n', stdout);
    return;
  }
  nlohmann::json attributes = nlohmann::json::object();
  for (const auto& [key, value] : message.attributes) attributes[key] = value;
  const nlohmann::json out = {
      {"message_id", message.message_id},
      {"data", absl::Base64Escape(message.data)},
      {"attributes", attributes},
      {"ordering_key", message.ordering_key},
      {"publish_time", schema::FormatRfc3339(message.publish_time.time_since_epoch().count())}};
  std::printf("%s\n", out.dump().c_str());
}

}  // namespace

int RunPublish(const InstanceLocation& location, const PublishOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  auto attributes = ParseAttributes(options.attributes);
  if (!attributes.ok()) return Fail(attributes.status());
  if (options.mqtt) return RunPublishMqtt(*instance, options);
  auto input = RecordInput::Open(options.file, options.skip);
  if (!input.ok()) return Fail(input.status());
  const auto client = broker::wire::PubsubClient::Create(
      instance->pubsub, {.tls = instance->tls, .token = instance->token});
  event::Draft pattern;
  pattern.attributes = *std::move(attributes);
  pattern.ordering_key = options.ordering_key;
  Sender sender(*client, FullName(options.topic, "topics", instance->project), std::move(pattern));
  const absl::Status status = PublishAll(**input, sender, *client);
  if (options.json) {
    std::printf("{\"acknowledged\": %llu}\n",
                static_cast<unsigned long long>(sender.acknowledged()));
  }
  if (!status.ok()) {
    std::fprintf(stderr, "afluente: %s\n", std::string(status.message()).c_str());
    const auto done = static_cast<unsigned long long>(std::max(sender.done(), options.skip));
    if (!options.file.empty()) {
      std::fprintf(stderr,
                   "afluente: records up to %llu are acknowledged: go on with --skip %llu\n", done,
                   done);
    }
    return 1;
  }
  return 0;
}

int RunPull(const InstanceLocation& location, const PullOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const std::string subscription =
      FullName(options.subscription, "subscriptions", instance->project);
  const auto client = broker::wire::PubsubClient::Create(
      instance->pubsub, {.tls = instance->tls, .token = instance->token});
  int left = options.limit;
  while (left > 0) {
    const auto received = client->Pull(subscription, left);
    if (!received.ok()) {
      std::fprintf(stderr, "afluente: %s\n", std::string(received.status().message()).c_str());
      return 1;
    }
    if (received->empty()) break;
    std::vector<std::string> ack_ids;
    for (const auto& message : *received) {
      PrintMessage(message, options.json);
      ack_ids.push_back(message.ack_id);
    }
    left -= static_cast<int>(received->size());
    // Without --ack the rest of the subscription would only repeat what is leased now.
    if (!options.ack) break;
    if (auto status = client->Acknowledge(subscription, std::move(ack_ids)); !status.ok()) {
      return Fail(absl::UnavailableError(status.message()));
    }
  }
  return 0;
}

}  // namespace afluente::cli
