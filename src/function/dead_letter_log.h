#pragma once

#include <cstdint>
#include <string>

#include "function/transform.h"

namespace afluente::function {

// A line in the log for a message that became a dead letter, with its id and its trace's, at most
// so many a second: a topic of poison must not drown the log. One thread.
class DeadLetterLog {
 public:
  static constexpr int kLinesMax = 10;  // a second

  void Add(const std::string& function, const Decision& decision);

 private:
  int64_t second_ = 0;
  int lines_ = 0;
};

}  // namespace afluente::function
