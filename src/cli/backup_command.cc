#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/offline_pipeline.h"
#include "console/admin_door.h"
#include "host/check.h"
#include "host/file_system.h"
#include "roles/backup.h"

namespace afluente::cli {
namespace {

using nlohmann::json;

// A copy takes as long as its disk does.
constexpr std::chrono::hours kBackupTimeout{48};

std::string Absolute(const std::string& path) {
  std::string absolute = std::filesystem::absolute(path).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return absolute;
}

absl::StatusOr<json> AskBackup(const InstanceLocation& location, const std::string& directory) {
  const auto instance = FindInstance(location);
  if (instance.ok()) {
    return AskAdmin(*instance, "POST", "/v1/backup", json{{"directory", directory}}.dump(),
                    "application/json", kBackupTimeout);
  }
  if (!location.ready_file.empty()) return instance.status();
  AFLUENTE_ASSIGN_OR_RETURN(const auto offline, OpenOffline(location));
  AFLUENTE_ASSIGN_OR_RETURN(
      const roles::BackupSummary summary,
      roles::TakeBackup(*offline->pipeline, directory, Absolute(offline->spec_file), nullptr));
  return json{{"files", summary.files}, {"bytes", summary.bytes}};
}

void Print(const json& answer, bool as_json) {
  if (as_json) {
    std::printf("%s\n", answer.dump().c_str());
    return;
  }
  std::printf("%s: %s files, %s bytes\n", answer["directory"].get<std::string>().c_str(),
              answer["files"].dump().c_str(), answer["bytes"].dump().c_str());
}

// Opens what was restored as a start would, and counts it.
absl::StatusOr<json> CheckRestored(InstanceLocation location, const std::string& spec_file) {
  if (location.spec_file.empty()) location.spec_file = spec_file;
  AFLUENTE_ASSIGN_OR_RETURN(const auto offline, OpenOffline(location));
  AFLUENTE_ASSIGN_OR_RETURN(const auto balances, offline->pipeline->Check());
  json answer = json::parse(console::BalancesToJson(balances));
  if (answer.value("balanced", false)) return answer;
  return absl::DataLossError("the backup does not balance: " + answer.dump());
}

absl::StatusOr<json> Restore(const InstanceLocation& location, const std::string& directory) {
  const std::string target = Absolute(location.data_dir);
  std::error_code error;
  if (std::filesystem::exists(target) && !std::filesystem::is_empty(target, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat(target, ": a backup is restored into a new data directory"));
  }
  // Under another name until it is known to be good.
  InstanceLocation unproved = location;
  unproved.data_dir = target + ".restoring";
  AFLUENTE_ASSIGN_OR_RETURN(const roles::BackupSummary summary,
                            roles::RestoreBackup(directory, unproved.data_dir));
  auto answer = CheckRestored(unproved, summary.spec_file);
  if (answer.ok()) {
    host::PosixFileSystem files;
    absl::Status moved = files.Rename(unproved.data_dir, target);
    if (moved.ok())
      moved = files.SyncDirectory(std::filesystem::path(target).parent_path().string());
    if (!moved.ok()) answer = moved;
  }
  if (!answer.ok()) {
    std::filesystem::remove_all(unproved.data_dir, error);
    return answer.status();
  }
  (*answer)["directory"] = directory;
  (*answer)["data_dir"] = target;
  (*answer)["files"] = summary.files;
  (*answer)["bytes"] = summary.bytes;
  return answer;
}

}  // namespace

int RunBackup(const InstanceLocation& location, const std::string& directory, bool as_json) {
  const std::string absolute = Absolute(directory);
  auto answer = AskBackup(location, absolute);
  if (!answer.ok()) return Fail(answer.status());
  (*answer)["directory"] = absolute;
  Print(*answer, as_json);
  return 0;
}

int RunRestore(const InstanceLocation& location, const std::string& directory, bool as_json) {
  const auto answer = Restore(location, Absolute(directory));
  if (!answer.ok()) return Fail(answer.status());
  Print(*answer, as_json);
  if (!as_json)
    std::printf("restored into %s: every file as it was, every message with one outcome\n",
                (*answer)["data_dir"].get<std::string>().c_str());
  return 0;
}

}  // namespace afluente::cli
