#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "roles/spec_catalog.h"
#include "roles/version.h"
#include "spec/init.h"
#include "spec/spec.h"

namespace afluente::cli {

namespace {

// The file's own rules first, then its SQL.
absl::StatusOr<spec::Spec> LoadChecked(const std::string& spec_file) {
  auto spec = spec::Load(spec_file);
  if (!spec.ok()) return spec;
  if (auto status = roles::ValidateSql(*spec); !status.ok()) return status;
  return spec;
}

}  // namespace

int RunValidate(const std::string& spec_file, bool limits, bool json) {
  const auto spec = LoadChecked(spec_file);
  if (json) {
    nlohmann::json answer = {{"valid", spec.ok()}, {"findings", nlohmann::json::array()}};
    if (!spec.ok()) {
      for (const auto line : absl::StrSplit(spec.status().message(), '\n', absl::SkipEmpty())) {
        answer["findings"].push_back(std::string(line));
      }
    }
    std::printf("%s\n",
                answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return spec.ok() ? 0 : 2;
  }
  if (!spec.ok()) {
    std::fprintf(stderr, "%s\n", std::string(spec.status().message()).c_str());
    return 2;
  }
  if (limits) {
    std::printf("%s", spec::DescribeLimits(spec->limits).c_str());
    return 0;
  }
  std::printf("%s: valid (%zu topics, %zu functions, %zu endpoints)\n", spec_file.c_str(),
              spec->topics.size(), spec->functions.size(), spec->endpoints.size());
  return 0;
}

int RunValidateSchema() {
  std::printf("%s\n", spec::JsonSchema().c_str());
  return 0;
}

int RunInit(const std::string& directory) {
  namespace fs = std::filesystem;
  const auto files = spec::InitialFiles();
  for (const auto& [path, text] : files) {
    if (fs::exists(fs::path(directory) / path)) {
      return Fail(absl::InvalidArgumentError(absl::StrCat((fs::path(directory) / path).string(),
                                                          " is there already; nothing written")));
    }
  }
  for (const auto& [path, text] : files) {
    const fs::path file = fs::path(directory) / path;
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    std::ofstream out(file);
    out << text;
    out.close();
    if (!out)
      return Fail(absl::UnavailableError(absl::StrCat(file.string(), ": cannot be written")));
    std::printf("wrote %s\n", file.string().c_str());
  }
  std::printf("next: cd %s && afluente up\n", directory.c_str());
  return 0;
}

int RunVersion(bool json) {
  std::printf(json ? "{\"version\": \"%s\"}\n" : "afluente %s\n", roles::kVersion);
  return 0;
}

}  // namespace afluente::cli
