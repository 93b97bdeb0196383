#include <algorithm>
#include <system_error>
#include <utility>

#include "schema/parse_value.h"
#include "schema/text.h"
#include "spec/read.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

// What the API answers itself, and what a rule may therefore name besides endpoints.
constexpr std::string_view kOwnPages[] = {"/docs", "/openapi.json"};

std::string Texts(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Reads `access:`; knows the whole block, so that a group can be looked up from anywhere in it.
class AccessReader {
 public:
  AccessReader(const YamlNode& node, Reading* reading)
      : node_(node), reading_(reading), access_(reading->spec->access.emplace()) {}

  void Read() {
    ReadGroups();
    ReadLogin();
    ReadAssertion();
    access_.members = ReadMembers(node_, "members", "access.members");
    ReadEndpoints();
    ReadRoles();
    ReadDatasets();
    access_.hosts = ReadTexts(node_, "hosts");
    for (std::string& host : access_.hosts) host = schema::Lowercase(host);
  }

 private:
  void Find(Place place, std::string message) {
    reading_->findings->Add(place, std::move(message));
  }

  static std::vector<std::string> ReadTexts(const YamlNode& map, std::string_view key) {
    std::vector<std::string> texts;
    const YamlNode* list = map.Find(key);
    if (list == nullptr) return texts;
    for (const YamlNode& item : list->items) texts.push_back(item.text);
    return texts;
  }

  void ReadGroups() {
    const YamlNode* groups = node_.Find("groups");
    if (groups == nullptr) return;
    for (const YamlEntry& entry : groups->entries) {
      auto& members = access_.groups[schema::Lowercase(entry.key.text)];
      for (const YamlNode& email : entry.value.items) {
        members.push_back(schema::Lowercase(email.text));
      }
    }
  }

  void ReadLogin() {
    const YamlNode* login = node_.Find("login");
    if (login == nullptr) return;
    Login read{TextOf(*login, "issuer"), TextOf(*login, "client_id"),
               TextOf(*login, "client_secret_file"), TextOf(*login, "groups_claim")};
    if (!read.client_secret_file.empty()) {
      read.client_secret_file =
          ExistingFile(*login, "client_secret_file", "access.login.client_secret_file", reading_);
    }
    access_.login = std::move(read);
  }

  void ReadAssertion() {
    const YamlNode* assertion = node_.Find("assertion");
    if (assertion == nullptr) return;
    access_.assertion = Assertion{TextOf(*assertion, "issuer"), TextOf(*assertion, "audience"),
                                  TextOf(*assertion, "jwks_uri")};
    constexpr std::string_view kFile = "file:";
    std::string& keys = access_.assertion->jwks_uri;
    if (!keys.starts_with(kFile) || keys.starts_with("file:/")) return;
    keys = Concat(kFile, (reading_->directory / keys.substr(kFile.size())).string());
  }

  Members ReadMembers(const YamlNode& map, std::string_view key, const std::string& where) {
    Members members;
    const YamlNode* list = map.Find(key);
    return list == nullptr ? members : ReadMemberList(*list, where);
  }

  Members ReadMemberList(const YamlNode& list, const std::string& where) {
    Members members;
    for (const YamlNode& item : list.items) {
      const auto member = ParseMember(item.text);
      if (!member) continue;  // CheckShape has said so
      if (member->kind == MemberKind::kGroup) CheckGroup(member->value, item.place, where);
      members.push_back(*member);
    }
    return members;
  }

  // A group that nobody can be shown to be in would lock everybody out in silence.
  void CheckGroup(const std::string& group, Place place, const std::string& where) {
    const bool from_claim = access_.login && !access_.login->groups_claim.empty();
    if (access_.groups.contains(group) || (from_claim && !access_.assertion)) return;
    std::vector<std::string> known;
    for (const auto& [name, emails] : access_.groups) known.push_back(name);
    Find(place, Concat(where, ": group ", group, " is not in access.groups",
                       access_.assertion ? ", and an outside assertion names no groups"
                                         : ", and there is no access.login.groups_claim",
                       Suggestion(group, known)));
  }

  void ReadEndpoints() {
    const YamlNode* endpoints = node_.Find("endpoints");
    if (endpoints == nullptr) return;
    for (const YamlEntry& entry : endpoints->entries) {
      const std::string& pattern = entry.key.text;
      const std::string where = Concat("access.endpoints.", pattern);
      CheckPattern(pattern, entry.key.place);
      access_.endpoints.push_back({pattern, ReadMembers(entry.value, "members", where)});
    }
  }

  void CheckPattern(const std::string& pattern, Place place) {
    std::vector<std::string> known;
    bool matches = false;
    for (const Endpoint& endpoint : reading_->spec->endpoints) {
      known.push_back(endpoint.path);
      matches = matches || MatchesEndpoint(pattern, endpoint.path);
    }
    for (const std::string_view page : kOwnPages) {
      matches = matches || MatchesEndpoint(pattern, std::string(page));
    }
    if (matches) return;
    Find(place, Concat("access.endpoints: ", schema::QuoteForMessage(pattern),
                       " matches no endpoint (one endpoint's path as it is written, or its "
                       "beginning with /* for the rest); there are ",
                       known.empty() ? "none" : Texts(known)));
  }

  void ReadRoles() {
    const YamlNode* roles = node_.Find("roles");
    if (roles == nullptr) return;
    access_.roles = {ReadMembers(*roles, "viewer", "access.roles.viewer"),
                     ReadMembers(*roles, "operator", "access.roles.operator"),
                     ReadMembers(*roles, "publisher", "access.roles.publisher"),
                     ReadMembers(*roles, "admin", "access.roles.admin")};
  }

  void ReadDatasets() {
    const YamlNode* datasets = node_.Find("datasets");
    if (datasets == nullptr) return;
    for (const YamlEntry& entry : datasets->entries) {
      const std::string& name = entry.key.text;
      std::vector<std::string> known;
      for (const Dataset& dataset : reading_->spec->datasets) known.push_back(dataset.name);
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        Find(entry.key.place, Concat("access.datasets: ", schema::QuoteForMessage(name),
                                     " is not in datasets", Suggestion(name, known)));
      }
      access_.datasets[name] =
          ReadMembers(entry.value, "members", Concat("access.datasets.", name));
    }
  }

  const YamlNode& node_;
  Reading* const reading_;
  Access& access_;
};

}  // namespace

bool MatchesEndpoint(const std::string& pattern, const std::string& endpoint_path) {
  if (!pattern.ends_with("/*")) return pattern == endpoint_path;
  return std::string_view(endpoint_path)
      .starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
}

std::string ExistingFile(const YamlNode& map, std::string_view key, std::string_view where,
                         Reading* reading) {
  const auto path = reading->directory / TextOf(map, key);
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    reading->findings->Add(PlaceOf(map, key), Concat(where, ": there is no file ", path.string()));
  }
  return path.string();
}

void ReadAccess(const YamlNode& access, Reading* reading) { AccessReader(access, reading).Read(); }

void ReadTls(const YamlNode& tls, Reading* reading) {
  if (tls.Find("certificate_file") == nullptr || tls.Find("key_file") == nullptr) return;
  reading->spec->tls = Tls{ExistingFile(tls, "certificate_file", "tls.certificate_file", reading),
                           ExistingFile(tls, "key_file", "tls.key_file", reading)};
}

}  // namespace afluente::spec
