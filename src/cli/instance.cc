#include "cli/instance.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace afluente::cli {

absl::StatusOr<Instance> FindInstance(const InstanceLocation& location) {
  const std::string file =
      location.ready_file.empty() ? location.data_dir + "/ready.json" : location.ready_file;
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, /*allow_exceptions=*/false);
  const auto none = [&] {
    return absl::NotFoundError(absl::StrCat("no running instance (", file,
                                            "): start one with `afluente up`, or name its "
                                            "--data-dir or --ready-file"));
  };
  if (!in.good() && text.str().empty()) return none();
  if (!json.is_object()) return absl::DataLossError(file + ": not a ready file");
  Instance instance;
  instance.pid = json.value("pid", 0);
  instance.project = json.value("project", "");
  instance.api = json.value("api", "");
  instance.admin = json.value("admin", "");
  instance.pubsub = json.value("pubsub", "");
  instance.proxy = json.value("proxy", "");
  instance.bigquery = json.value("bigquery", "");
  instance.tls = json.value("tls", false);
  if (const char* token = std::getenv("AFLUENTE_TOKEN")) instance.token = token;
  instance.mqtt = json.value("mqtt", "");
  // A killed process leaves its file behind.
  if (instance.pid <= 0 || kill(instance.pid, 0) != 0) return none();
  return instance;
}

std::string FullName(const std::string& name, const std::string& kind, const std::string& project) {
  if (absl::StartsWith(name, "projects/")) return name;
  if (absl::StartsWith(name, kind + "/")) return absl::StrCat("projects/", project, "/", name);
  return absl::StrCat("projects/", project, "/", kind, "/", name);
}

}  // namespace afluente::cli
