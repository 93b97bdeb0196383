#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "host/descriptor.h"

namespace afluente::host {

// A directory that one process at a time may use. Held from Open until destruction; a crash lets go
// of it.
class DataDirectory {
 public:
  // Creates `path` where it is missing and locks it. FAILED_PRECONDITION naming the holder's
  // process id when another process (or an earlier DataDirectory of this one) holds it.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const std::string& path);

  const std::string& path() const { return path_; }
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

 private:
  DataDirectory(std::string path, Descriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  const std::string path_;
  const Descriptor lock_;
};

}  // namespace afluente::host
