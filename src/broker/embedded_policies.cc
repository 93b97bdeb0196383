// EmbeddedBroker's policies.
#include <algorithm>
#include <utility>

#include "broker/embedded_broker.h"
#include "broker/errors.h"
#include "broker/limits.h"
#include "broker/policy_limits.h"
#include "broker/recorder.h"
#include "broker/state.h"
#include "host/check.h"
#include "host/random.h"

namespace afluente::broker {
namespace {

constexpr size_t kEtagBytes = 8;

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
  std::string expected = std::exchange(policy.etag, host::RandomBytes(kEtagBytes));
  bool conditional =
      std::any_of(policy.bindings.begin(), policy.bindings.end(),
                  [](const Policy::Binding& each) { return !each.condition.expression.empty(); });
  policy.version = conditional ? 3 : 1;
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(
      *recorder_, SetPolicyRecord{std::string(resource), std::move(expected), policy}));
  return policy;
}

}  // namespace afluente::broker
