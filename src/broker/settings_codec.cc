#include "broker/settings_codec.h"

#include <algorithm>
#include <utility>

namespace afluente::broker {
namespace {

// An optional duration: 0 = none, else its seconds + 1.
void WriteSeconds(ByteWriter& writer, std::optional<std::chrono::seconds> value) {
  writer.Varint(value ? static_cast<uint64_t>(value->count()) + 1 : 0);
}

// Settings hold decades at most: more could overflow what is computed from them.
constexpr uint64_t kSecondsMax = 10'000'000'000;

std::chrono::seconds ReadPlainSeconds(ByteReader& reader) {
  uint64_t value = reader.Varint();
  if (value > kSecondsMax) reader.Fail();
  return std::chrono::seconds(static_cast<int64_t>(std::min(value, kSecondsMax)));
}

std::optional<std::chrono::seconds> ReadSeconds(ByteReader& reader) {
  std::chrono::seconds value = ReadPlainSeconds(reader);
  if (value.count() == 0) return std::nullopt;
  return value - std::chrono::seconds(1);
}

std::chrono::milliseconds ReadMilliseconds(ByteReader& reader) {
  return std::chrono::milliseconds(ReadPlainSeconds(reader).count());
}

// Whether an optional part follows; any other byte than 0 and 1 is a fault.
bool ReadPresent(ByteReader& reader) {
  uint8_t present = reader.Byte();
  if (present > 1) reader.Fail();
  return present == 1;
}

void Write(ByteWriter& writer, const SchemaSettings& schema) {
  writer.String(schema.schema);
  writer.Byte(static_cast<uint8_t>(schema.encoding));
  writer.String(schema.first_revision_id);
  writer.String(schema.last_revision_id);
}

SchemaSettings ReadSchemaSettings(ByteReader& reader) {
  SchemaSettings schema;
  schema.schema = std::string(reader.String());
  uint8_t encoding = reader.Byte();
  if (encoding > static_cast<uint8_t>(Encoding::kBinary)) reader.Fail();
  schema.encoding = static_cast<Encoding>(encoding);
  schema.first_revision_id = std::string(reader.String());
  schema.last_revision_id = std::string(reader.String());
  return schema;
}

void Write(ByteWriter& writer, const std::vector<MessageTransform>& transforms) {
  writer.Varint(transforms.size());
  for (const MessageTransform& each : transforms) {
    writer.String(each.function_name);
    writer.String(each.code);
    writer.Byte(each.disabled ? 1 : 0);
  }
}

std::vector<MessageTransform> ReadTransforms(ByteReader& reader) {
  std::vector<MessageTransform> transforms;
  size_t count = reader.Count();
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    MessageTransform& each = transforms.emplace_back();
    each.function_name = std::string(reader.String());
    each.code = std::string(reader.String());
    each.disabled = ReadPresent(reader);
  }
  return transforms;
}

void Write(ByteWriter& writer, const PushConfig& push) {
  writer.String(push.endpoint);
  WriteLabels(writer, push.attributes);
  writer.Byte(push.oidc_token ? 1 : 0);
  if (push.oidc_token) {
    writer.String(push.oidc_token->service_account_email);
    writer.String(push.oidc_token->audience);
  }
  writer.Byte((push.wrapped ? 1 : 0) | (push.write_metadata ? 2 : 0));
}

PushConfig ReadPushConfig(ByteReader& reader) {
  PushConfig push;
  push.endpoint = std::string(reader.String());
  push.attributes = ReadLabels(reader);
  if (ReadPresent(reader)) {
    OidcToken& token = push.oidc_token.emplace();
    token.service_account_email = std::string(reader.String());
    token.audience = std::string(reader.String());
  }
  uint8_t flags = reader.Byte();
  push.wrapped = (flags & 1) != 0;
  push.write_metadata = (flags & 2) != 0;
  return push;
}

void Write(ByteWriter& writer, const BigqueryConfig& config) {
  writer.String(config.table);
  writer.Byte((config.use_topic_schema ? 1 : 0) | (config.use_table_schema ? 2 : 0) |
              (config.write_metadata ? 4 : 0) | (config.drop_unknown_fields ? 8 : 0));
  writer.String(config.service_account_email);
}

BigqueryConfig ReadBigqueryConfig(ByteReader& reader) {
  BigqueryConfig config;
  config.table = std::string(reader.String());
  uint8_t flags = reader.Byte();
  config.use_topic_schema = (flags & 1) != 0;
  config.use_table_schema = (flags & 2) != 0;
  config.write_metadata = (flags & 4) != 0;
  config.drop_unknown_fields = (flags & 8) != 0;
  config.service_account_email = std::string(reader.String());
  return config;
}

// What came with version 2.
void WriteLater(ByteWriter& writer, const SubscriptionSettings& settings) {
  writer.Byte((settings.enable_exactly_once_delivery ? 1 : 0) | (settings.detached ? 2 : 0) |
              (settings.dead_letter_policy ? 4 : 0) | (settings.retry_policy ? 8 : 0) |
              (settings.push ? 16 : 0) | (settings.bigquery ? 32 : 0));
  if (settings.dead_letter_policy) {
    writer.String(settings.dead_letter_policy->topic);
    writer.Varint(static_cast<uint64_t>(settings.dead_letter_policy->max_delivery_attempts));
  }
  if (settings.retry_policy) {
    writer.Varint(static_cast<uint64_t>(settings.retry_policy->minimum_backoff.count()));
    writer.Varint(static_cast<uint64_t>(settings.retry_policy->maximum_backoff.count()));
  }
  if (settings.push) Write(writer, *settings.push);
  if (settings.bigquery) Write(writer, *settings.bigquery);
  Write(writer, settings.transforms);
}

void ReadLater(ByteReader& reader, SubscriptionSettings& settings) {
  uint8_t flags = reader.Byte();
  settings.enable_exactly_once_delivery = (flags & 1) != 0;
  settings.detached = (flags & 2) != 0;
  if ((flags & 4) != 0) {
    DeadLetterPolicy& policy = settings.dead_letter_policy.emplace();
    policy.topic = std::string(reader.String());
    uint64_t attempts = reader.Varint();
    if (attempts > 1'000'000) reader.Fail();
    policy.max_delivery_attempts = static_cast<int32_t>(std::min<uint64_t>(attempts, 1'000'000));
  }
  if ((flags & 8) != 0) {
    RetryPolicy& policy = settings.retry_policy.emplace();
    policy.minimum_backoff = ReadMilliseconds(reader);
    policy.maximum_backoff = ReadMilliseconds(reader);
  }
  if ((flags & 16) != 0) settings.push = ReadPushConfig(reader);
  if ((flags & 32) != 0) settings.bigquery = ReadBigqueryConfig(reader);
  settings.transforms = ReadTransforms(reader);
}

}  // namespace

void WriteLabels(ByteWriter& writer, const std::map<std::string, std::string>& labels) {
  writer.Varint(labels.size());
  for (const auto& [key, value] : labels) {
    writer.String(key);
    writer.String(value);
  }
}

std::map<std::string, std::string> ReadLabels(ByteReader& reader) {
  std::map<std::string, std::string> labels;
  size_t count = reader.Count();
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    std::string key(reader.String());
    labels[std::move(key)] = std::string(reader.String());
  }
  return labels;
}

void WriteSettings(ByteWriter& writer, const TopicSettings& settings) {
  writer.String(settings.name);
  WriteLabels(writer, settings.labels);
  WriteSeconds(writer, settings.message_retention);
  writer.Byte(settings.schema ? 1 : 0);
  if (settings.schema) Write(writer, *settings.schema);
  Write(writer, settings.transforms);
}

TopicSettings ReadTopicSettings(ByteReader& reader, uint8_t version) {
  TopicSettings settings;
  settings.name = std::string(reader.String());
  settings.labels = ReadLabels(reader);
  settings.message_retention = ReadSeconds(reader);
  if (version < 2) return settings;
  if (ReadPresent(reader)) settings.schema = ReadSchemaSettings(reader);
  settings.transforms = ReadTransforms(reader);
  return settings;
}

void WriteSettings(ByteWriter& writer, const SubscriptionSettings& settings) {
  writer.String(settings.name);
  writer.String(settings.topic);
  WriteLabels(writer, settings.labels);
  writer.Varint(static_cast<uint64_t>(settings.ack_deadline.count()));
  writer.String(settings.filter);
  writer.Byte((settings.retain_acked_messages ? 1 : 0) |
              (settings.enable_message_ordering ? 2 : 0));
  writer.Varint(static_cast<uint64_t>(settings.message_retention.count()));
  WriteSeconds(writer, settings.expiration_ttl);
  WriteLater(writer, settings);
}

SubscriptionSettings ReadSubscriptionSettings(ByteReader& reader, uint8_t version) {
  SubscriptionSettings settings;
  settings.name = std::string(reader.String());
  settings.topic = std::string(reader.String());
  settings.labels = ReadLabels(reader);
  settings.ack_deadline = ReadPlainSeconds(reader);
  settings.filter = std::string(reader.String());
  uint8_t flags = reader.Byte();
  settings.retain_acked_messages = (flags & 1) != 0;
  settings.enable_message_ordering = (flags & 2) != 0;
  settings.message_retention = ReadPlainSeconds(reader);
  settings.expiration_ttl = ReadSeconds(reader);
  if (version >= 2) ReadLater(reader, settings);
  return settings;
}

}  // namespace afluente::broker
