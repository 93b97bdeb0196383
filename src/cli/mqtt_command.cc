#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/record_input.h"
#include "host/check.h"
#include "host/random.h"
#include "source/mqtt/publish_client.h"

namespace afluente::cli {
namespace {

// The topic with each {field} replaced by that of the record.
absl::StatusOr<std::string> TopicOf(const std::string& pattern, const std::string& record) {
  if (pattern.find('{') == std::string::npos) return pattern;
  const auto json = nlohmann::json::parse(record, nullptr, /*allow_exceptions=*/false);
  std::string topic;
  size_t at = 0;
  while (at < pattern.size()) {
    const size_t open = pattern.find('{', at);
    const size_t close = open == std::string::npos ? open : pattern.find('}', open);
    if (close == std::string::npos) {
      topic += pattern.substr(at);
      break;
    }
    const std::string field = pattern.substr(open + 1, close - open - 1);
    const auto value = json.is_object() ? json.find(field) : json.end();
    if (value == json.end() || value->is_structured() || value->is_null()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a record has no field ", field, " for the topic"));
    }
    absl::StrAppend(&topic, pattern.substr(at, open - at),
                    value->is_string() ? value->get<std::string>() : value->dump());
    at = close + 1;
  }
  return topic;
}

absl::Status SendAll(RecordInput& input, const std::string& pattern,
                     source::mqtt::PublishClient& client) {
  Progress progress("publishing " + input.name(), input.bytes_total());
  absl::Status status;
  while (status.ok()) {
    const auto record = input.Next();
    if (!record.ok()) status = record.status();
    if (!record.ok() || !*record) break;
    const auto topic = TopicOf(pattern, **record);
    status = topic.ok() ? client.Publish(*topic, **record) : topic.status();
    progress.Update(input.bytes_read(), client.acknowledged(), "messages");
  }
  const absl::Status finished = client.Finish();
  progress.Finish(client.acknowledged(), "messages acknowledged");
  return status.ok() ? finished : status;
}

}  // namespace

int RunPublishMqtt(const Instance& instance, const PublishOptions& options) {
  if (instance.mqtt.empty()) {
    return Fail(absl::FailedPreconditionError(
        "the instance has no MQTT door: its specification names no sources.mqtt"));
  }
  if (!options.attributes.empty() || !options.ordering_key.empty()) {
    return Fail(absl::InvalidArgumentError(
        "--mqtt: attributes and ordering keys come from the door's routes"));
  }
  auto input = RecordInput::Open(options.file, options.skip);
  if (!input.ok()) return Fail(input.status());
  auto client = source::mqtt::PublishClient::Connect(
      instance.mqtt, absl::StrCat("afluente-publish-", host::RandomHex(4)));
  if (!client.ok()) return Fail(client.status());
  const absl::Status status = SendAll(**input, options.topic, **client);
  const auto acknowledged = static_cast<unsigned long long>((*client)->acknowledged());
  if (options.json) std::printf("{\"acknowledged\": %llu}\n", acknowledged);
  if (status.ok()) return 0;
  std::fprintf(stderr, "afluente: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace afluente::cli
