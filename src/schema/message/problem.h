#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "schema/text.h"

namespace afluente::schema {

// What is wrong with some data, and at which field: functions that walk the data note it, return
// false, and each caller puts its own step in front of the path.
class Problem {
 public:
  bool Fail(std::string what) {
    path_.clear();
    what_ = std::move(what);
    return false;
  }
  bool AtField(std::string_view name) {
    path_.insert(0, path_.empty() || path_.front() == '[' ? std::string(name) : Concat(name, "."));
    return false;
  }
  bool AtIndex(size_t index) {
    std::string step = Concat("[", index, "]");
    if (!path_.empty() && path_.front() != '[') step += '.';
    path_.insert(0, step);
    return false;
  }
  std::string Text() const {
    return path_.empty() ? what_ : Concat("field \"", path_, "\": ", what_);
  }
  absl::Status ToStatus() const { return absl::InvalidArgumentError(Text()); }

 private:
  std::string path_;
  std::string what_;
};

}  // namespace afluente::schema
