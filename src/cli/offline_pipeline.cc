#include "cli/offline_pipeline.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "roles/ready_file.h"

namespace afluente::cli {

absl::StatusOr<std::unique_ptr<OfflinePipeline>> OpenOffline(const InstanceLocation& location) {
  // Opening would create it, and an empty pipeline balances.
  if (!std::filesystem::exists(location.data_dir)) {
    return absl::NotFoundError(
        absl::StrCat("no running instance and no data directory ", location.data_dir));
  }
  auto offline = std::make_unique<OfflinePipeline>();
  offline->spec_file = location.spec_file;
  if (offline->spec_file.empty()) offline->spec_file = roles::RememberedSpec(location.data_dir);
  if (offline->spec_file.empty()) offline->spec_file = "afluente.yaml";
  AFLUENTE_ASSIGN_OR_RETURN(offline->spec, spec::Load(offline->spec_file));
  AFLUENTE_ASSIGN_OR_RETURN(
      offline->pipeline,
      roles::Pipeline::Open(offline->spec, location.data_dir, offline->clock, offline->metrics));
  return offline;
}

}  // namespace afluente::cli
