#include "broker/listing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "host/random.h"

namespace afluente::broker {
namespace {

constexpr size_t kPageMax = 1000;

}  // namespace

size_t PageSize(size_t asked) { return asked == 0 ? kPageMax : std::min(asked, kPageMax); }

absl::StatusOr<std::string> ProjectPrefix(std::string_view project, std::string_view page_token) {
  constexpr std::string_view kProjects = "projects/";
  if (project.substr(0, kProjects.size()) == kProjects) project.remove_prefix(kProjects.size());
  if (project.empty() || project.find('/') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid project name: (name=", std::string(project), ")."));
  }
  std::string prefix = absl::StrCat(std::string(kProjects), std::string(project), "/");
  if (!page_token.empty() && page_token.substr(0, prefix.size()) != prefix)
    return absl::InvalidArgumentError("Invalid page_token.");
  return prefix;
}

std::string RandomNameBeside(std::string_view name, std::string_view kind) {
  size_t slash = name.find('/', name.find('/') + 1);
  return absl::StrCat(std::string(name.substr(0, slash)), "/", std::string(kind), "/s",
                      host::RandomHex(10));
}

}  // namespace afluente::broker
