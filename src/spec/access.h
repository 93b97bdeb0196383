#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spec/member.h"

namespace afluente::spec {

using Members = std::vector<Member>;

// Who may reach one endpoint, or all whose paths begin alike ("/app_info/*").
struct EndpointAccess {
  std::string pattern;
  Members members;
};

// What the API verifies.
struct Assertion {
  std::string issuer;
  std::string audience;
  std::string jwks_uri;  // file: paths are relative to the working directory, or absolute
};

// The OpenID provider that people sign in at.
struct Login {
  std::string issuer;
  std::string client_id;
  std::string client_secret_file;  // empty: a public client
  std::string groups_claim;        // empty: groups come from the spec alone
};

struct Roles {
  Members viewer;
  Members operators;  // `operator`
  Members publisher;
  Members admin;
};

// The `access:` block. Emails, groups and domains are in lower case.
struct Access {
  Members members;
  std::vector<EndpointAccess> endpoints;
  std::map<std::string, std::vector<std::string>> groups;  // group -> emails
  std::optional<Assertion> assertion;                      // nullopt: the built-in proxy's
  std::optional<Login> login;                              // nullopt: the developer issuer
  std::vector<std::string> hosts;
  Roles roles;
  std::map<std::string, Members> datasets;
};

struct Tls {
  std::string certificate_file;
  std::string key_file;
};

// A pattern of `access.endpoints`: the endpoint's path itself, or a beginning of it with "*" for
// the rest after a slash.
bool MatchesEndpoint(const std::string& pattern, const std::string& endpoint_path);

}  // namespace afluente::spec
