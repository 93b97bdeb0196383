#pragma once

#include <string>
#include <vector>

#include "cli/doctor_checks.h"
#include "roles/google_cloud.h"
#include "spec/spec.h"

namespace afluente::cli {

// A deployment on Google Cloud, as it is to be looked at before a delivery. Nothing of it is
// changed.
struct CloudPatient {
  roles::GoogleOptions google;
  std::string resource_manager = "https://cloudresourcemanager.googleapis.com";
  // Of the functions' push subscriptions; empty: any.
  std::string push_account;
};

// Compares topics, subscriptions, tables, audiences and the caller's permissions with the
// specification. Blocks.
std::vector<Finding> ExamineCloud(const spec::Spec& spec, const CloudPatient& patient);

}  // namespace afluente::cli
