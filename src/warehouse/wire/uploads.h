#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "host/file_system.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {

// Files that come in by parts (Google's resumable uploads), each in the staging directory until its
// job has it. A bounded number and size; those that nobody continues go. Thread-safe; they do not
// survive a restart, which their clients see as an unknown session.
class Uploads {
 public:
  Uploads(host::FileSystem& files, std::string staging_directory, const host::Clock& clock)
      : files_(files), staging_directory_(std::move(staging_directory)), clock_(clock) {}

  // Keeps `resource`, the job to be started at the end. Returns the session's id.
  absl::StatusOr<std::string> Begin(std::string project, json resource);

  struct Progress {
    uint64_t received = 0;
    bool complete = false;
    std::string file;     // within the staging directory, when complete
    std::string project;  // the same
    json resource;
  };
  // Adds bytes at `start`; `total` is what the client said of the whole, where it did. Bytes that
  // are there already are passed over. NOT_FOUND for an unknown session, INVALID_ARGUMENT for a
  // gap, RESOURCE_EXHAUSTED when it is too large.
  absl::StatusOr<Progress> Add(const std::string& session, uint64_t start, std::string_view bytes,
                               std::optional<uint64_t> total);
  // A file that came whole.
  absl::StatusOr<std::string> Store(std::string_view bytes);

 private:
  struct Session {
    std::string project;
    json resource;
    std::string file;
    std::unique_ptr<host::File> open;
    uint64_t received = 0;
    host::MonotonicTime last_use{};
    bool busy = false;
  };
  void DropIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::pair<std::string, std::unique_ptr<host::File>>> NewFile();

  host::FileSystem& files_;
  const std::string staging_directory_;
  const host::Clock& clock_;
  absl::Mutex mutex_;
  std::map<std::string, Session> sessions_ ABSL_GUARDED_BY(mutex_);
};

const std::vector<MethodEntry>& UploadMethods();

}  // namespace afluente::warehouse::wire
