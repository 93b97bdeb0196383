#include <cstdio>
#include <iostream>
#include <string>

#include "absl/strings/escaping.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "host/digest.h"
#include "host/random.h"

namespace afluente::cli {

int RunMakeApiKey(const std::string& name) {
  const std::string key = "afk_" + host::RandomHex(24);
  const std::string hash = absl::BytesToHexString(host::Sha256(key));
  std::fprintf(stderr, "The key, shown once:\n");
  std::printf("%s\n", key.c_str());
  std::fprintf(stderr, "Its entry in the file of sources.http.api_keys_file:\n");
  std::fprintf(stderr, "  - {name: %s, sha256: %s}\n", name.c_str(), hash.c_str());
  return 0;
}

int RunHashPassword() {
  std::string password;
  std::getline(std::cin, password);
  if (password.empty()) {
    return Fail(absl::InvalidArgumentError("the password is the first line of standard input"));
  }
  std::printf("%s\n", host::PasswordHash::Make(password).ToText().c_str());
  return 0;
}

}  // namespace afluente::cli
