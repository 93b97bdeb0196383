// The names of limits.h.
#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "broker/limits.h"

namespace afluente::broker {
namespace {

constexpr size_t kIdBytesMin = 3;
constexpr size_t kIdBytesMax = 255;

bool IsIdCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-_.~+%").find(c) != std::string_view::npos;
}

bool IsResourceId(std::string_view id) {
  return id.size() >= kIdBytesMin && id.size() <= kIdBytesMax &&
         absl::ascii_isalpha(static_cast<unsigned char>(id[0])) && id.substr(0, 4) != "goog" &&
         std::all_of(id.begin(), id.end(), IsIdCharacter);
}

// "projects/P/KIND/ID" with a good ID.
bool IsName(std::string_view name, std::string_view kind) {
  constexpr std::string_view kProjects = "projects/";
  if (name.substr(0, kProjects.size()) != kProjects) return false;
  std::string_view rest = name.substr(kProjects.size());
  size_t slash = rest.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash > kIdBytesMax) return false;
  if (!IsValidUtf8(rest.substr(0, slash))) return false;
  rest.remove_prefix(slash + 1);
  if (rest.substr(0, kind.size()) != kind) return false;
  rest.remove_prefix(kind.size());
  return !rest.empty() && rest[0] == '/' && IsResourceId(rest.substr(1));
}

absl::Status BadName(std::string_view kind, std::string_view name) {
  return absl::InvalidArgumentError(
      absl::StrCat("Invalid [", std::string(kind), "] name: (name=", std::string(name),
                   "). Expected projects/PROJECT/", std::string(kind),
                   "/ID where ID has 3 to 255 of the characters A-Z a-z 0-9 - _ . ~ + %, starts "
                   "with a letter, and not with goog."));
}

absl::Status CheckName(std::string_view name, std::string_view kind) {
  return IsName(name, kind) ? absl::OkStatus() : BadName(kind, name);
}

}  // namespace

absl::Status CheckTopicName(std::string_view name) { return CheckName(name, "topics"); }

absl::Status CheckSubscriptionName(std::string_view name) {
  return CheckName(name, "subscriptions");
}

absl::Status CheckSnapshotName(std::string_view name) { return CheckName(name, "snapshots"); }

absl::Status CheckSchemaName(std::string_view name) { return CheckName(name, "schemas"); }

absl::Status CheckResourceName(std::string_view name) {
  for (std::string_view kind : {"topics", "subscriptions", "snapshots", "schemas"}) {
    if (IsName(name, kind)) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "Invalid resource name: (name=", std::string(name),
      "). Expected that of a topic, subscription, snapshot or schema, as projects/P/topics/T."));
}

}  // namespace afluente::broker
