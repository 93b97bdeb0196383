#include "broker/policy_limits.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "broker/limits.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

// "IAM quotas and limits" in Google's documentation.
constexpr size_t kMembersMax = 1500;
constexpr size_t kGroupsMax = 250;
constexpr size_t kExpressionBytesMax = 12'000;
constexpr size_t kConditionTextBytesMax = 256;

bool IsGraphic(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

bool IsDomain(std::string_view text) {
  return IsGraphic(text) && text.find('.') != 0 && text.find('.') != std::string_view::npos &&
         text.back() != '.' && text.find_first_of("@:/") == std::string_view::npos;
}

bool IsEmail(std::string_view text) {
  size_t at = text.find('@');
  return IsGraphic(text) && at != 0 && at != std::string_view::npos &&
         IsDomain(text.substr(at + 1));
}

// "EMAIL?uid=DIGITS"
bool IsDeleted(std::string_view text) {
  size_t mark = text.find("?uid=");
  if (mark == std::string_view::npos || !IsEmail(text.substr(0, mark))) return false;
  std::string_view uid = text.substr(mark + 5);
  return !uid.empty() && uid.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsMember(std::string_view member) {
  if (member == "allUsers" || member == "allAuthenticatedUsers") return true;
  size_t colon = member.find(':');
  if (colon == std::string_view::npos) return false;
  std::string_view kind = member.substr(0, colon);
  std::string_view rest = member.substr(colon + 1);
  if (kind == "deleted") {
    colon = rest.find(':');
    if (colon == std::string_view::npos) return false;
    kind = rest.substr(0, colon);
    return (kind == "user" || kind == "serviceAccount" || kind == "group") &&
           IsDeleted(rest.substr(colon + 1));
  }
  if (kind == "user" || kind == "serviceAccount" || kind == "group") return IsEmail(rest);
  if (kind == "domain") return IsDomain(rest);
  if (kind == "projectOwner" || kind == "projectEditor" || kind == "projectViewer")
    return IsGraphic(rest) && rest.find('/') == std::string_view::npos;
  return (kind == "principal" || kind == "principalSet") && rest.starts_with("//") &&
         IsGraphic(rest.substr(2));
}

// "roles/ID", "projects/P/roles/ID" or "organizations/O/roles/ID".
bool IsRole(std::string_view role) {
  for (std::string_view parent : {"projects/", "organizations/"}) {
    if (!role.starts_with(parent)) continue;
    role.remove_prefix(parent.size());
    size_t slash = role.find('/');
    if (slash == 0 || slash == std::string_view::npos) return false;
    role.remove_prefix(slash + 1);
    break;
  }
  if (!role.starts_with("roles/")) return false;
  role.remove_prefix(6);
  return !role.empty() && std::all_of(role.begin(), role.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_';
  });
}

absl::Status CheckCondition(const Policy::Condition& condition) {
  if (condition.expression.empty()) {
    if (condition == Policy::Condition()) return absl::OkStatus();
    return absl::InvalidArgumentError("A condition must have an expression.");
  }
  if (condition.title.empty()) return absl::InvalidArgumentError("A condition must have a title.");
  if (condition.expression.size() <= kExpressionBytesMax &&
      condition.description.size() <= kConditionTextBytesMax &&
      condition.title.size() <= kConditionTextBytesMax && IsValidUtf8(condition.expression))
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("A condition is too long: the limit is ",
                                                 kExpressionBytesMax, " bytes for its expression, ",
                                                 kConditionTextBytesMax, " for its texts."));
}

absl::Status CheckBinding(const Policy::Binding& binding) {
  // What a conditional binding is shown as to those who ask for an earlier version.
  if (!IsRole(binding.role) || binding.role.find("_withcond_") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("Role ", binding.role, " is not supported for this resource."));
  }
  for (const std::string& member : binding.members) {
    if (!IsMember(member)) {
      return absl::InvalidArgumentError(
          absl::StrCat("Invalid member \"", member, "\" of the role ", binding.role, "."));
    }
  }
  return CheckCondition(binding.condition);
}

}  // namespace

absl::Status CheckPolicy(Policy& policy) {
  if (policy.version != 0 && policy.version != 1 && policy.version != 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid policy version ", policy.version, ": expected 0, 1 or 3."));
  }
  std::erase_if(policy.bindings, [](const auto& each) { return each.members.empty(); });
  size_t members = 0;
  size_t groups = 0;
  for (const Policy::Binding& each : policy.bindings) {
    AFLUENTE_RETURN_IF_ERROR(CheckBinding(each));
    if (policy.version != 3 && !each.condition.expression.empty()) {
      return absl::InvalidArgumentError(
          "A policy with conditions must have version 3: the role bindings of earlier ones have no "
          "condition.");
    }
    members += each.members.size();
    groups += static_cast<size_t>(
        std::count_if(each.members.begin(), each.members.end(),
                      [](const std::string& member) { return member.starts_with("group:"); }));
  }
  if (members <= kMembersMax && groups <= kGroupsMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("The policy has ", members, " members and ",
                                                 groups, " groups: the limits are ", kMembersMax,
                                                 " and ", kGroupsMax, "."));
}

}  // namespace afluente::broker
