#include "identity/policy.h"

#include <algorithm>
#include <utility>

#include "schema/text.h"

namespace afluente::identity {
namespace {

using schema::Concat;

bool IsAny(const Caller& caller, const spec::Members& members) {
  return std::any_of(members.begin(), members.end(),
                     [&caller](const spec::Member& member) { return IsMember(caller, member); });
}

std::string_view NameOf(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kPublisher:
      return "publisher";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

}  // namespace

bool IsMember(const Caller& caller, const spec::Member& member) {
  const bool is_service_account = spec::IsServiceAccountEmail(caller.email);
  switch (member.kind) {
    case spec::MemberKind::kAllAuthenticatedUsers:
      return true;
    case spec::MemberKind::kUser:
      return !is_service_account && caller.email == member.value;
    case spec::MemberKind::kServiceAccount:
      return is_service_account && caller.email == member.value;
    case spec::MemberKind::kDomain: {
      const size_t at = caller.email.rfind('@');
      return !is_service_account && at != std::string::npos &&
             std::string_view(caller.email).substr(at + 1) == member.value;
    }
    case spec::MemberKind::kGroup:
      return std::binary_search(caller.groups.begin(), caller.groups.end(), member.value);
  }
  return false;
}

Policy::Policy(spec::Access access) : access_(std::move(access)) {
  for (const auto& [group, emails] : access_.groups) {
    for (const std::string& email : emails) groups_of_[email].push_back(group);
  }
}

Caller Policy::ToCaller(std::string email, std::vector<std::string> token_groups) const {
  Caller caller{std::move(email), std::move(token_groups), 0};
  if (const auto found = groups_of_.find(caller.email); found != groups_of_.end()) {
    caller.groups.insert(caller.groups.end(), found->second.begin(), found->second.end());
  }
  std::sort(caller.groups.begin(), caller.groups.end());
  caller.groups.erase(std::unique(caller.groups.begin(), caller.groups.end()), caller.groups.end());
  return caller;
}

absl::Status Policy::CheckEndpoint(const Caller& caller, const std::string& endpoint_path) const {
  if (!IsAny(caller, access_.members)) {
    return absl::PermissionDeniedError("not in access.members");
  }
  const spec::EndpointAccess* rule = nullptr;
  for (const spec::EndpointAccess& each : access_.endpoints) {
    if (!spec::MatchesEndpoint(each.pattern, endpoint_path)) continue;
    const bool nearer =
        rule == nullptr || each.pattern == endpoint_path ||
        (rule->pattern != endpoint_path && each.pattern.size() > rule->pattern.size());
    if (nearer) rule = &each;
  }
  if (rule == nullptr || IsAny(caller, rule->members)) return absl::OkStatus();
  return absl::PermissionDeniedError(Concat("not in access.endpoints.", rule->pattern));
}

absl::Status Policy::CheckRole(const Caller& caller, Role role) const {
  const spec::Roles& roles = access_.roles;
  bool may = IsAny(caller, roles.admin);
  switch (role) {
    case Role::kViewer:
      may = may || IsAny(caller, roles.viewer) || IsAny(caller, roles.operators);
      break;
    case Role::kOperator:
      may = may || IsAny(caller, roles.operators);
      break;
    case Role::kPublisher:
      may = may || IsAny(caller, roles.publisher);
      break;
    case Role::kAdmin:
      break;
  }
  if (may) return absl::OkStatus();
  return absl::PermissionDeniedError(Concat("not in access.roles.", NameOf(role)));
}

absl::Status Policy::CheckDataset(const Caller& caller, const std::string& dataset) const {
  if (absl::Status status = CheckRole(caller, Role::kViewer); !status.ok()) return status;
  const auto listed = access_.datasets.find(dataset);
  if (listed == access_.datasets.end() || IsAny(caller, listed->second)) return absl::OkStatus();
  return absl::PermissionDeniedError(Concat("not in access.datasets.", dataset));
}

}  // namespace afluente::identity
