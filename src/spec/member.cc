#include "spec/member.h"

#include <algorithm>

#include "schema/text.h"

namespace afluente::spec {
namespace {

constexpr std::string_view kServiceAccounts = ".gserviceaccount.com";
constexpr std::string_view kAll = "allAuthenticatedUsers";

bool AllIn(std::string_view text, std::string_view marks) {
  return std::all_of(text.begin(), text.end(), [marks](char c) {
    return schema::IsAlpha(c) || schema::IsDigit(c) || marks.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool IsDomain(std::string_view text) {
  if (text.empty() || text.size() > 253 || !AllIn(text, "-.")) return false;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    if (label.size() == text.size()) return true;
    text.remove_prefix(label.size() + 1);
  }
  return false;  // it ended in a dot
}

bool IsEmail(std::string_view text) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at > 64) return false;
  return AllIn(text.substr(0, at), ".!#$%&'*+-/=?^_`{|}~") && IsDomain(text.substr(at + 1));
}

bool IsServiceAccountEmail(std::string_view lowercase_email) {
  return lowercase_email.ends_with(kServiceAccounts);
}

std::optional<Member> ParseMember(std::string_view text) {
  if (text == kAll) return Member{MemberKind::kAllAuthenticatedUsers, ""};
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view kind = text.substr(0, colon);
  const std::string value = schema::Lowercase(text.substr(colon + 1));
  if (kind == "domain") {
    if (!IsDomain(value)) return std::nullopt;
    return Member{MemberKind::kDomain, value};
  }
  if (!IsEmail(value)) return std::nullopt;
  const bool is_service_account = IsServiceAccountEmail(value);
  if (kind == "user" && !is_service_account) return Member{MemberKind::kUser, value};
  if (kind == "serviceAccount" && is_service_account) {
    return Member{MemberKind::kServiceAccount, value};
  }
  if (kind == "group") return Member{MemberKind::kGroup, value};
  return std::nullopt;
}

bool IsMember(std::string_view text) { return ParseMember(text).has_value(); }

}  // namespace afluente::spec
