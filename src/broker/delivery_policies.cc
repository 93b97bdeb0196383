#include "broker/delivery_policies.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "broker/limits.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

constexpr int32_t kAttemptsMin = 5;
constexpr int32_t kAttemptsMax = 100;
constexpr std::chrono::milliseconds kBackoffMax = std::chrono::seconds(600);

absl::Status Invalid(const SubscriptionSettings& settings, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(why), " (resource=", settings.name, ")."));
}

absl::Status CheckDeadLetterPolicy(SubscriptionSettings& settings) {
  if (!settings.dead_letter_policy) return absl::OkStatus();
  DeadLetterPolicy& policy = *settings.dead_letter_policy;
  if (absl::Status name = CheckTopicName(policy.topic); !name.ok())
    return Invalid(settings, absl::StrCat("dead_letter_policy.dead_letter_topic: ",
                                          std::string(name.message())));
  if (policy.max_delivery_attempts == 0)
    policy.max_delivery_attempts = DeadLetterPolicy().max_delivery_attempts;
  if (policy.max_delivery_attempts >= kAttemptsMin && policy.max_delivery_attempts <= kAttemptsMax)
    return absl::OkStatus();
  return Invalid(settings, absl::StrCat("dead_letter_policy.max_delivery_attempts must be between ",
                                        kAttemptsMin, " and ", kAttemptsMax, ", not ",
                                        policy.max_delivery_attempts));
}

absl::Status CheckRetryPolicy(const SubscriptionSettings& settings) {
  if (!settings.retry_policy) return absl::OkStatus();
  const RetryPolicy& policy = *settings.retry_policy;
  for (auto [backoff, field] : {std::pair(policy.minimum_backoff, "minimum_backoff"),
                                std::pair(policy.maximum_backoff, "maximum_backoff")}) {
    if (backoff >= backoff.zero() && backoff <= kBackoffMax) continue;
    return Invalid(settings,
                   absl::StrCat("retry_policy.", field, " must be between 0 s and 600 s, not ",
                                backoff.count(), " ms"));
  }
  if (policy.minimum_backoff <= policy.maximum_backoff) return absl::OkStatus();
  return Invalid(settings,
                 "retry_policy.minimum_backoff must not be above retry_policy.maximum_backoff");
}

}  // namespace

absl::Status CheckDeliveryPolicies(SubscriptionSettings& settings) {
  AFLUENTE_RETURN_IF_ERROR(CheckDeadLetterPolicy(settings));
  AFLUENTE_RETURN_IF_ERROR(CheckRetryPolicy(settings));
  if (settings.enable_exactly_once_delivery && (settings.push || settings.bigquery))
    return Invalid(settings, "enable_exactly_once_delivery needs a pull subscription");
  return absl::OkStatus();
}

std::chrono::milliseconds Backoff(const RetryPolicy& policy, uint32_t failures) {
  std::chrono::milliseconds backoff = policy.minimum_backoff;
  for (uint32_t i = 1; i < failures && backoff.count() > 0 && backoff < policy.maximum_backoff; ++i)
    backoff *= 2;
  return std::min(backoff, policy.maximum_backoff);
}

}  // namespace afluente::broker
