// EmbeddedBroker's policies.
#include <algorithm>
#include <utility>

#include "broker/embedded_broker.h"
#include "broker/errors.h"
#include "broker/limits.h"
#include "broker/policy_limits.h"
#include "broker/policy_table.h"
#include "broker/recorder.h"
#include "broker/state.h"
#include "host/check.h"
#include "host/random.h"

namespace afluente::broker {
namespace {

constexpr size_t kEtagBytes = 8;

bool IsConditional(const Policy& policy) {
  return std::any_of(
      policy.bindings.begin(), policy.bindings.end(),
      [](const Policy::Binding& each) { return !each.condition.expression.empty(); });
}

}  // namespace

absl::StatusOr<Policy> EmbeddedBroker::GetPolicy(std::string_view resource) const {
  AFLUENTE_RETURN_IF_ERROR(CheckResourceName(resource));
  if (!state_->HasResource(resource)) return ResourceNotFound(resource);
  return state_->policies().Find(resource);
}

absl::StatusOr<Policy> EmbeddedBroker::SetPolicy(std::string_view resource, Policy policy) {
  AFLUENTE_RETURN_IF_ERROR(CheckResourceName(resource));
  AFLUENTE_RETURN_IF_ERROR(CheckPolicy(policy));
  if (!state_->HasResource(resource)) return ResourceNotFound(resource);
  if (!policy.etag.empty() && policy.version != 3 &&
      IsConditional(state_->policies().Find(resource))) {
    return absl::InvalidArgumentError(
        "The policy has conditions: only one of version 3 may replace it, or one without an etag.");
  }
  std::string expected = std::exchange(policy.etag, host::RandomBytes(kEtagBytes));
  policy.version = IsConditional(policy) ? 3 : 1;
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(
      *recorder_, SetPolicyRecord{std::string(resource), std::move(expected), policy}));
  return policy;
}

}  // namespace afluente::broker
