#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace afluente::cli {
namespace {

constexpr int kBarWidth = 30;

// 1234567 -> "1,234,567"
std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(i, ",");
  return digits;
}

}  // namespace

Progress::Progress(std::string title, uint64_t total)
    : title_(std::move(title)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) == 1),
      begin_(std::chrono::steady_clock::now()),
      printed_(begin_) {}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Progress::Update(uint64_t done, uint64_t count, const std::string& unit) {
  const auto now = std::chrono::steady_clock::now();
  const auto interval = terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(5);
  if (now - printed_ < interval) return;
  printed_ = now;
  Print(total_ > 0 ? std::min(1.0, double(done) / double(total_)) : -1, count, unit, false);
}

void Progress::Finish(uint64_t count, const std::string& unit) { Print(1, count, unit, true); }

void Progress::Print(double share, uint64_t count, const std::string& unit, bool last) {
  const uint64_t rate = static_cast<uint64_t>(count / std::max(seconds(), 1e-3));
  std::string line = title_ + " ";
  if (share >= 0) {
    const int filled = static_cast<int>(share * kBarWidth);
    if (terminal_) {
      line += "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] ";
    }
    char percent[8];
    std::snprintf(percent, sizeof percent, "%3d%% ", static_cast<int>(share * 100));
    line += percent;
  }
  line += Grouped(count) + " " + unit + ", " + Grouped(rate) + "/s";
  std::fprintf(stderr, terminal_ && !last ? "\r\033[K%s" : (terminal_ ? "\r\033[K%s\n" : "%s\n"),
               line.c_str());
  std::fflush(stderr);
}

}  // namespace afluente::cli
