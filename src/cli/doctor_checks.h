#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/instance.h"
#include "roles/up.h"
#include "spec/spec.h"

namespace afluente::cli {

enum class Verdict { kGood, kDoubtful, kBad };

// One finding of `afluente doctor`: what was looked at and what it is like.
struct Finding {
  std::string check;
  Verdict verdict = Verdict::kGood;
  std::string detail;
};

// What the checks look at. Nothing of it is changed but for a small file that is written, synced
// and removed.
struct Patient {
  absl::StatusOr<spec::Spec> spec;    // or why it is none
  absl::StatusOr<Instance> instance;  // that runs on the data directory, or NOT_FOUND
  std::string data_dir;
  roles::Doors doors;
};

std::vector<Finding> Examine(const Patient& patient);

}  // namespace afluente::cli
