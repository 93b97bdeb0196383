#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace afluente::cli {

// Progress of long work on stderr: a bar on a terminal, a plain line every few seconds elsewhere.
// One thread.
class Progress {
 public:
  // `total` 0 = unknown.
  Progress(std::string title, uint64_t total);
  // `done` of `total`; `count` of what `unit` names, shown with its rate.
  void Update(uint64_t done, uint64_t count, const std::string& unit);
  // The closing line; no more updates after it.
  void Finish(uint64_t count, const std::string& unit);

 private:
  void Print(double share, uint64_t count, const std::string& unit, bool last);
  double seconds() const;

  const std::string title_;
  const uint64_t total_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point printed_;
};

}  // namespace afluente::cli
