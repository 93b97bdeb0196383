#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace afluente::spec {

// 1-based; {1, 1} when nothing better is known.
struct Place {
  int line = 1;
  int column = 1;
  friend auto operator<=>(const Place&, const Place&) = default;
};

// What is wrong with one file.
class Findings {
 public:
  void Add(Place place, std::string message);
  bool empty() const { return findings_.empty(); }

  // OK when there is none, else INVALID_ARGUMENT with a line "file:line:column: message" each, in
  // the file's order, at most kShownMax of them.
  absl::Status ToStatus(std::string_view file) const;

  static constexpr size_t kShownMax = 100;

 private:
  struct Finding {
    Place place;
    std::string message;
  };
  std::vector<Finding> findings_;
};

// "; did you mean X?" for the known name that is nearest to `name`, "" when none is near.
std::string Suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace afluente::spec
