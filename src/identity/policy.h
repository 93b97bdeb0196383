#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "http/role.h"
#include "spec/access.h"

namespace afluente::identity {

// Whom a token was verified to be about.
struct Caller {
  std::string email;                // in lower case
  std::vector<std::string> groups;  // sorted, each once, in lower case
  int64_t expires = 0;              // of the token; seconds since the epoch
};

using http::Role;

// The `access:` block as decisions: pure, immutable, any thread. A refusal is PERMISSION_DENIED
// with the reason, for the log.
class Policy {
 public:
  explicit Policy(spec::Access access);

  // The caller with the groups of the specification and those that its token named.
  Caller ToCaller(std::string email, std::vector<std::string> token_groups) const;

  // `endpoint_path` as the specification writes it, never the request's path: the caller must be
  // one of `members` and of the most specific pattern's, where one matches.
  absl::Status CheckEndpoint(const Caller& caller, const std::string& endpoint_path) const;
  absl::Status CheckRole(const Caller& caller, Role role) const;
  // Reading a dataset: a viewer who is in the dataset's own list, where it has one.
  absl::Status CheckDataset(const Caller& caller, const std::string& dataset) const;

 private:
  const spec::Access access_;
  std::map<std::string, std::vector<std::string>> groups_of_;  // email -> groups
};

// IAM's rule for one member: the domain is what follows the email's last @, service accounts belong
// to no domain, and users are not service accounts.
bool IsMember(const Caller& caller, const spec::Member& member);

}  // namespace afluente::identity
