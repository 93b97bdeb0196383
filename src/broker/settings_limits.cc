// The settings of limits.h: topics, subscriptions and their parts, snapshots, schemas.
#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "broker/limits.h"
#include "broker/schema_revision.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr seconds kRetentionMin = std::chrono::minutes(10);
constexpr seconds kRetentionMax = hours(31 * 24);
constexpr seconds kExpirationMin = hours(24);
constexpr size_t kLabelsMax = 64;
constexpr size_t kLabelCharactersMax = 63;
constexpr size_t kFilterBytesMax = 256;
constexpr size_t kTransformsMax = 5;
constexpr size_t kTransformCodeBytesMax = 20'000;
constexpr int32_t kAttemptsMin = 5;
constexpr int32_t kAttemptsMax = 100;
constexpr std::chrono::milliseconds kBackoffMax = seconds(600);
constexpr size_t kUrlBytesMax = 2048;

absl::Status BadSetting(std::string_view resource, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(what), " (resource=", std::string(resource), ")."));
}

absl::Status CheckRange(std::string_view resource, std::string_view field, seconds value,
                        seconds min, seconds max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return BadSetting(
      resource, absl::StrCat("Invalid ", std::string(field), ": ", value.count(), " s, expected ",
                             min.count(), " s to ", max.count(), " s"));
}

// Of a label's key or value ("Requirements for labels"): no capitals, and what is not ASCII counts
// as letters.
bool IsLabelText(std::string_view text) {
  size_t characters = 0;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || c == '_' || c == '-';
    if (byte < 0x80 && !plain) return false;
    if ((byte & 0xc0) != 0x80) ++characters;
  }
  return characters <= kLabelCharactersMax && IsValidUtf8(text);
}

absl::Status CheckLabels(std::string_view resource,
                         const std::map<std::string, std::string>& labels) {
  if (labels.size() > kLabelsMax)
    return BadSetting(resource, absl::StrCat("Too many labels: the limit is ", kLabelsMax));
  for (const auto& [key, value] : labels) {
    auto first = static_cast<unsigned char>(key.empty() ? '0' : key[0]);
    bool starts = first >= 0x80 || absl::ascii_islower(first);
    if (starts && IsLabelText(key) && IsLabelText(value)) continue;
    return BadSetting(
        resource, absl::StrCat("Invalid label \"", key,
                               "\": keys and values have at most 63 lower-case letters, digits, "
                               "dashes and underscores; a key starts with a letter"));
  }
  return absl::OkStatus();
}

bool IsIdentifier(std::string_view name) {
  auto letter = [](char c) {
    return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$';
  };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

absl::Status CheckTransforms(std::string_view resource,
                             const std::vector<MessageTransform>& transforms) {
  if (transforms.size() > kTransformsMax) {
    return BadSetting(resource,
                      absl::StrCat("Too many message_transforms: the limit is ", kTransformsMax));
  }
  std::set<std::string_view> names;
  for (const MessageTransform& each : transforms) {
    if (!IsIdentifier(each.function_name)) {
      return BadSetting(resource, absl::StrCat("Invalid message_transforms: \"", each.function_name,
                                               "\" is not the name of a JavaScript function"));
    }
    if (!names.insert(each.function_name).second) {
      return BadSetting(resource, absl::StrCat("Invalid message_transforms: the function_name \"",
                                               each.function_name, "\" appears twice"));
    }
    if (each.code.empty() || each.code.size() > kTransformCodeBytesMax) {
      return BadSetting(resource, absl::StrCat("Invalid message_transforms: the code of ",
                                               each.function_name, " has ", each.code.size(),
                                               " bytes, expected 1 to ", kTransformCodeBytesMax));
    }
  }
  return absl::OkStatus();
}

// "http(s)://HOST...", without user and fragment.
bool IsPushEndpoint(std::string_view url) {
  size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  if (scheme == 0 || url.size() > kUrlBytesMax) return false;
  std::string_view rest = url.substr(scheme);
  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.empty() || authority.find('@') != std::string_view::npos) return false;
  return std::all_of(rest.begin(), rest.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '#' && c != '"' && c != '<' &&
           c != '>' && c != '\\';
  });
}

absl::Status CheckPush(std::string_view resource, const PushConfig& push) {
  if (!IsPushEndpoint(push.endpoint)) {
    return BadSetting(resource,
                      absl::StrCat("Invalid push endpoint given (endpoint=", push.endpoint, ")"));
  }
  for (const auto& [key, value] : push.attributes) {
    if (key != "x-goog-version")
      return BadSetting(resource, absl::StrCat("Invalid push_config.attributes: \"", key, "\""));
    if (value == "v1beta1")
      return absl::UnimplementedError("Afluente does not support the push format v1beta1.");
    if (value != "v1" && value != "v1beta2") {
      return BadSetting(resource,
                        absl::StrCat("Invalid push_config.attributes: x-goog-version is \"", value,
                                     "\", expected v1 or v1beta2"));
    }
  }
  if (!push.oidc_token) return absl::OkStatus();
  const std::string& email = push.oidc_token->service_account_email;
  size_t at = email.find('@');
  if (at != 0 && at != std::string::npos && at + 1 < email.size()) return absl::OkStatus();
  return BadSetting(
      resource, "Invalid push_config.oidc_token: service_account_email is not an e-mail address");
}

// PROJECT.DATASET.TABLE; a project may hold dots and a colon ("example.com:p").
absl::Status CheckBigquery(std::string_view resource, const BigqueryConfig& config) {
  std::vector<std::string> parts = absl::StrSplit(config.table, '.');
  bool good = parts.size() >= 3 &&
              std::none_of(parts.begin(), parts.end(), [](const auto& p) { return p.empty(); });
  if (good) {
    const std::string& dataset = parts[parts.size() - 2];
    good = std::all_of(dataset.begin(), dataset.end(), [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
    });
  }
  if (!good || config.table.find_first_of("/` \t\n") != std::string::npos) {
    return BadSetting(resource, absl::StrCat("Invalid bigquery_config.table: \"", config.table,
                                             "\", expected PROJECT.DATASET.TABLE"));
  }
  if (config.use_topic_schema && config.use_table_schema) {
    return BadSetting(resource,
                      "bigquery_config.use_topic_schema and use_table_schema exclude one another");
  }
  return absl::OkStatus();
}

absl::Status CheckPolicies(const SubscriptionSettings& settings) {
  if (settings.dead_letter_policy) {
    const DeadLetterPolicy& policy = *settings.dead_letter_policy;
    AFLUENTE_RETURN_IF_ERROR(CheckTopicName(policy.topic));
    if (policy.max_delivery_attempts < kAttemptsMin ||
        policy.max_delivery_attempts > kAttemptsMax) {
      return BadSetting(settings.name,
                        absl::StrCat("Invalid dead_letter_policy.max_delivery_attempts: ",
                                     policy.max_delivery_attempts, ", expected ", kAttemptsMin,
                                     " to ", kAttemptsMax));
    }
  }
  if (!settings.retry_policy) return absl::OkStatus();
  auto [minimum, maximum] =
      std::pair(settings.retry_policy->minimum_backoff, settings.retry_policy->maximum_backoff);
  if (minimum.count() < 0 || minimum > maximum || maximum > kBackoffMax) {
    return BadSetting(settings.name,
                      "Invalid retry_policy: minimum_backoff and maximum_backoff are 0 s to 600 s, "
                      "and the minimum is not above the maximum");
  }
  return absl::OkStatus();
}

// Where messages go, and what that excludes.
absl::Status CheckDelivery(const SubscriptionSettings& settings) {
  if (settings.push && settings.bigquery)
    return BadSetting(settings.name, "push_config and bigquery_config exclude one another");
  if (settings.enable_exactly_once_delivery && (settings.push || settings.bigquery)) {
    return BadSetting(settings.name,
                      "enable_exactly_once_delivery is for subscriptions that are pulled");
  }
  if (settings.push) return CheckPush(settings.name, *settings.push);
  if (settings.bigquery) return CheckBigquery(settings.name, *settings.bigquery);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTopic(const TopicSettings& settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckTopicName(settings.name));
  AFLUENTE_RETURN_IF_ERROR(CheckLabels(settings.name, settings.labels));
  AFLUENTE_RETURN_IF_ERROR(CheckTransforms(settings.name, settings.transforms));
  if (settings.schema && settings.schema->schema != kDeletedSchema) {
    AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(settings.schema->schema));
    if (settings.schema->encoding == Encoding::kUnspecified)
      return BadSetting(settings.name, "schema_settings.encoding must be JSON or BINARY");
  }
  if (!settings.message_retention) return absl::OkStatus();
  return CheckRange(settings.name, "message_retention_duration", *settings.message_retention,
                    kRetentionMin, kRetentionMax);
}

absl::Status CheckSubscription(SubscriptionSettings& settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckSubscriptionName(settings.name));
  AFLUENTE_RETURN_IF_ERROR(CheckLabels(settings.name, settings.labels));
  if (settings.ack_deadline == seconds(0)) settings.ack_deadline = kAckDeadlineMin;
  AFLUENTE_RETURN_IF_ERROR(CheckRange(settings.name, "ack_deadline_seconds", settings.ack_deadline,
                                      kAckDeadlineMin, kAckDeadlineMax));
  AFLUENTE_RETURN_IF_ERROR(CheckRange(settings.name, "message_retention_duration",
                                      settings.message_retention, kRetentionMin, kRetentionMax));
  if (settings.filter.size() > kFilterBytesMax) {
    return BadSetting(settings.name, absl::StrCat("Invalid filter: it has ", settings.filter.size(),
                                                  " bytes, the limit is ", kFilterBytesMax));
  }
  AFLUENTE_RETURN_IF_ERROR(CheckPolicies(settings));
  AFLUENTE_RETURN_IF_ERROR(CheckTransforms(settings.name, settings.transforms));
  AFLUENTE_RETURN_IF_ERROR(CheckDelivery(settings));
  if (settings.expiration_ttl && *settings.expiration_ttl != seconds(0)) {
    return CheckRange(settings.name, "expiration_policy.ttl", *settings.expiration_ttl,
                      kExpirationMin, hours(24 * 365 * 100));
  }
  return absl::OkStatus();
}

absl::Status CheckSnapshot(const SnapshotSettings& settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckSnapshotName(settings.name));
  return CheckLabels(settings.name, settings.labels);
}

absl::Status CheckSchema(const SchemaRevision& schema) {
  AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(schema.name));
  if (!schema.definition.empty() && schema.definition.size() <= kSchemaBytesMax)
    return absl::OkStatus();
  return BadSetting(schema.name,
                    absl::StrCat("Invalid definition: it has ", schema.definition.size(),
                                 " bytes, expected 1 to ", kSchemaBytesMax));
}

}  // namespace afluente::broker
