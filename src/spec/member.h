#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace afluente::spec {

// Whom an IAM policy names ("Principal identifiers").
enum class MemberKind { kUser, kServiceAccount, kGroup, kDomain, kAllAuthenticatedUsers };

struct Member {
  MemberKind kind = MemberKind::kUser;
  std::string value;  // the email or domain in lower case, as IAM compares it; empty for all users
  friend bool operator==(const Member&, const Member&) = default;
};

// "user:EMAIL", "serviceAccount:EMAIL", "group:EMAIL", "domain:DOMAIN" or "allAuthenticatedUsers";
// the prefix's case counts. nullopt for anything else: "allUsers" would admit callers without an
// identity, and a service account named as a user would never match.
std::optional<Member> ParseMember(std::string_view text);
bool IsMember(std::string_view text);

// One local part and one domain of ASCII letters, digits and the usual marks; no white space, no
// quotes, no second @.
bool IsEmail(std::string_view text);
bool IsDomain(std::string_view text);
// Google's service accounts are told by their domain.
bool IsServiceAccountEmail(std::string_view lowercase_email);

}  // namespace afluente::spec
