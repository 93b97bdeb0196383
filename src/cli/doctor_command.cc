#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cli/doctor_checks.h"
#include "cli/doctor_cloud.h"
#include "roles/ready_file.h"
#include "roles/spec_catalog.h"

namespace afluente::cli {
namespace {

const char* Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "ok";
    case Verdict::kDoubtful:
      return "warning";
    case Verdict::kBad:
      return "failed";
  }
  return "";
}

void Print(const Finding& finding) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const char* color = "";
  if (terminal && finding.verdict == Verdict::kBad) color = "\x1b[31m";
  if (terminal && finding.verdict == Verdict::kDoubtful) color = "\x1b[33m";
  std::string detail = finding.detail;
  for (size_t at = 0; (at = detail.find('\n', at)) != std::string::npos; at += 27)
    detail.replace(at, 1, "\n" + std::string(26, ' '));
  std::printf("%s%-8s%s  %-14s  %s\n", color, Name(finding.verdict), *color ? "\x1b[0m" : "",
              finding.check.c_str(), detail.c_str());
}

int Tell(const std::vector<Finding>& findings, bool json) {
  const bool bad = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.verdict == Verdict::kBad;
  });
  if (!json) {
    for (const Finding& finding : findings) Print(finding);
    return bad ? 1 : 0;
  }
  nlohmann::json answer = {{"healthy", !bad}, {"checks", nlohmann::json::array()}};
  for (const Finding& finding : findings) {
    answer["checks"].push_back(
        {{"check", finding.check}, {"verdict", Name(finding.verdict)}, {"detail", finding.detail}});
  }
  std::printf("%s\n",
              answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return bad ? 1 : 0;
}

absl::StatusOr<spec::Spec> LoadChecked(const std::string& file) {
  auto spec = spec::Load(file);
  if (!spec.ok()) return spec;
  if (auto status = roles::ValidateSql(*spec); !status.ok()) return status;
  return spec;
}

}  // namespace

int RunDoctor(const roles::UpOptions& options, bool json) {
  InstanceLocation location;
  location.data_dir = options.data_dir;
  return Tell(Examine({LoadChecked(options.spec_file), FindInstance(location), options.data_dir,
                       options.doors}),
              json);
}

int RunCloudDoctor(const std::string& spec_file, const CloudPatient& patient, bool json) {
  const auto spec = LoadChecked(spec_file);
  std::vector<Finding> findings;
  if (spec.ok()) {
    findings = ExamineCloud(*spec, patient);
  } else {
    findings.push_back({"specification", Verdict::kBad, std::string(spec.status().message())});
  }
  return Tell(findings, json);
}

}  // namespace afluente::cli
