#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "broker/wire/client.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "host/check.h"
#include "schema/format_value.h"
#include "source/record_reader.h"

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

  void Add(std::string data) {
    bytes_ += data.size();
    event::Draft draft = pattern_;
    draft.data = std::move(data);
    batch_.push_back(std::move(draft));
    if (batch_.size() >= kBatchMessages || bytes_ >= kBatchBytes) Send();
  }

  void Send() {
    if (batch_.empty()) return;
    bytes_ = 0;
    client_.Publish(topic_, std::exchange(batch_, {}),
                    [this](absl::StatusOr<std::vector<std::string>> ids) {
                      if (ids.ok()) {
                        acknowledged_ += ids->size();
                        return;
                      }
                      absl::MutexLock lock(&mutex_);
                      if (error_.ok()) error_ = ids.status();
                    });
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
  std::atomic<uint64_t> acknowledged_{0};
  mutable absl::Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);  // the first one
};

absl::Status PublishAll(source::RecordReader& reader, uint64_t bytes_total,
                        const std::string& title, Sender& sender,
                        broker::wire::PubsubClient& client) {
  Progress progress(title, bytes_total);
  absl::Status status;
  while (true) {
    auto record = reader.Next();
    if (!record.ok()) {
      status = record.status();
      break;
    }
    if (!*record) break;
    sender.Add(**std::move(record));
    progress.Update(reader.bytes_read(), sender.acknowledged(), "messages");
    if (!sender.error().ok()) break;
  }
  sender.Send();
  client.Flush();
  progress.Finish(sender.acknowledged(), "messages acknowledged");
  return status.ok() ? sender.error() : status;
}

struct Input {
  std::ifstream file;
  std::istream* stream = &std::cin;
  source::RecordFormat format = source::RecordFormat::kNdjson;
  std::string name = "stdin";
  uint64_t bytes_total = 0;
};

absl::Status OpenInput(const std::string& path, Input& input) {
  if (path.empty()) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(input.format, source::FormatOfFile(path));
  input.file.open(path, std::ios::binary);
  if (!input.file) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be opened"));
  std::error_code error;
  input.bytes_total = std::filesystem::file_size(path, error);
  input.stream = &input.file;
  input.name = path;
  return absl::OkStatus();
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
  Input input;
  if (auto status = OpenInput(options.file, input); !status.ok()) return Fail(status);
  auto reader = source::RecordReader::Create(*input.stream, input.format, input.name);
  const auto client = broker::wire::PubsubClient::Create(
      instance->pubsub, {.tls = instance->tls, .token = instance->token});
  event::Draft pattern;
  pattern.attributes = *std::move(attributes);
  pattern.ordering_key = options.ordering_key;
  Sender sender(*client, FullName(options.topic, "topics", instance->project), std::move(pattern));
  const std::string title =
      "publishing " +
      (options.file.empty() ? input.name : std::filesystem::path(input.name).filename().string());
  const absl::Status status = PublishAll(*reader, input.bytes_total, title, sender, *client);
  if (options.json) {
    std::printf("{\"acknowledged\": %llu}\n",
                static_cast<unsigned long long>(sender.acknowledged()));
  }
  if (!status.ok()) {
    std::fprintf(stderr, "afluente: %s\n", std::string(status.message()).c_str());
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
