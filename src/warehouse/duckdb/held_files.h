#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/file_copy.h"

namespace afluente::warehouse::duckdb {

class Committer;

// The database's files as of one moment between two commits, for a backup: together the file and
// that much of its write-ahead log are a database with exactly the commits before. While it lives
// commits go on and no checkpoint runs, since only a checkpoint changes what is in the file. Owned
// by who asked; gone before the database is.
class HeldFiles {
 public:
  // Runs `meanwhile` at that moment: no commit is under way. `file` is the database's, opened once:
  // closing another descriptor of it would let go of DuckDB's lock (fcntl(2), "record locks").
  static absl::StatusOr<std::unique_ptr<HeldFiles>> Take(
      Committer& committer, std::shared_ptr<const host::File> file, const std::string& path,
      absl::FunctionRef<absl::Status()> meanwhile);
  ~HeldFiles();
  HeldFiles(const HeldFiles&) = delete;
  HeldFiles& operator=(const HeldFiles&) = delete;

  const std::vector<host::FilePart>& parts() const { return parts_; }

 private:
  explicit HeldFiles(Committer& committer) : committer_(committer) {}

  Committer& committer_;
  std::vector<host::FilePart> parts_;
};

}  // namespace afluente::warehouse::duckdb
