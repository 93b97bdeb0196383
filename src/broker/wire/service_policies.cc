#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "broker/wire/answer.h"
#include "broker/wire/service.h"
#include "broker/wire/translate_resources.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

constexpr int32_t kNewestVersion = 3;
constexpr int kPermissionsMax = 100;

// "SERVICE.RESOURCE.VERB", without wildcards.
bool IsPermission(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  return parts.size() == 3 && std::all_of(parts.begin(), parts.end(), [](const auto& part) {
           return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
             return absl::ascii_isalnum(static_cast<unsigned char>(c));
           });
         });
}

}  // namespace

void Service::SetIamPolicy(iam::SetIamPolicyRequest& request, const Call&,
                           Reply<iam::Policy> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, request = std::move(request)]() -> absl::StatusOr<iam::Policy> {
                    absl::MutexLock lock(&update_mutex_);
                    AFLUENTE_ASSIGN_OR_RETURN(Policy policy,
                                              policies_.GetPolicy(request.resource()));
                    AFLUENTE_RETURN_IF_ERROR(ApplyUpdate(request, policy));
                    AFLUENTE_ASSIGN_OR_RETURN(
                        policy, policies_.SetPolicy(request.resource(), std::move(policy)));
                    return ToProto(policy, kNewestVersion);
                  });
}

void Service::GetIamPolicy(iam::GetIamPolicyRequest& request, const Call&,
                           Reply<iam::Policy> reply) {
  absl::StatusOr<Policy> policy = policies_.GetPolicy(request.resource());
  if (!policy.ok()) return reply(policy.status());
  reply(ToProto(*policy, request.options().requested_policy_version()));
}

void Service::TestIamPermissions(iam::TestIamPermissionsRequest& request, const Call&,
                                 Reply<iam::TestIamPermissionsResponse> reply) {
  if (request.permissions().empty() || request.permissions_size() > kPermissionsMax)
    return reply(absl::InvalidArgumentError(
        absl::StrCat("permissions must hold 1 to ", kPermissionsMax, " of them.")));
  for (const std::string& permission : request.permissions()) {
    if (!IsPermission(permission))
      return reply(
          absl::InvalidArgumentError(absl::StrCat("Permission ", permission,
                                                  " is not valid: expected one as "
                                                  "pubsub.topics.get, without wildcards.")));
  }
  iam::TestIamPermissionsResponse response;
  absl::StatusOr<Policy> policy = policies_.GetPolicy(request.resource());
  // Nobody is known here, so nobody lacks a permission, but there is none on what is not there.
  if (policy.ok())
    *response.mutable_permissions() = std::move(*request.mutable_permissions());
  else if (!absl::IsNotFound(policy.status()))
    return reply(policy.status());
  reply(std::move(response));
}

}  // namespace afluente::broker::wire
