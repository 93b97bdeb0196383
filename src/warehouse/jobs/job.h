#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace afluente::warehouse::jobs {

// What went wrong, in BigQuery's form.
struct JobError {
  std::string reason;  // BigQuery's words: invalidQuery, notFound, ...
  std::string message;
  std::string location;  // of the input, where it is known
};

enum class JobState { kPending, kRunning, kDone };

// A job as BigQuery's clients see it: a value, taken from the store under its lock. JSON texts are
// in the shape of BigQuery's job resource.
struct Job {
  std::string project;
  std::string location = "US";
  std::string id;
  std::string user_email;
  std::string kind;           // QUERY, LOAD, COPY or EXTRACT
  std::string configuration;  // the resource's configuration, with what was completed
  std::string statistics;     // members of statistics besides the times
  JobState state = JobState::kPending;
  std::optional<JobError> error;  // of a job that failed
  std::vector<JobError> errors;   // also those that did not make it fail
  int64_t created_ms = 0;         // since 1970
  int64_t started_ms = 0;
  int64_t ended_ms = 0;
  std::string result_table;  // its rows' name in the ResultStore; empty when it has none
  std::optional<int64_t> affected_rows;  // of DML
  int64_t bytes_processed = 0;
};

// As the store's records keep it; INFORMATION_SCHEMA.JOBS reads them (googlesql/emit_jobs.cc).
std::string JobToJson(const Job& job);
// DATA_LOSS when it is no job.
absl::Status JobFromJson(std::string_view text, Job& job);

// BigQuery's reason for a status; INVALID_ARGUMENT is invalidQuery for a statement, else invalid.
JobError ToJobError(const absl::Status& status, bool of_statement);
// The HTTP status that BigQuery answers a reason with.
int HttpStatusOf(std::string_view reason);

}  // namespace afluente::warehouse::jobs
