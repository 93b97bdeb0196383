#include "spec/findings.h"

#include <algorithm>
#include <utility>

#include "schema/text.h"

namespace afluente::spec {
namespace {

using schema::Concat;

// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`, case aside.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      bool equal = schema::ToLower(a[i - 1]) == schema::ToLower(b[j - 1]);
      size_t best =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (equal ? 0 : 1)});
      bool swapped = i > 1 && j > 1 && schema::ToLower(a[i - 1]) == schema::ToLower(b[j - 2]) &&
                     schema::ToLower(a[i - 2]) == schema::ToLower(b[j - 1]);
      if (swapped) best = std::min(best, cost[i - 2][j - 2] + 1);
      cost[i][j] = best;
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

void Findings::Add(Place place, std::string message) {
  findings_.push_back(Finding{place, std::move(message)});
}

absl::Status Findings::ToStatus(std::string_view file) const {
  if (findings_.empty()) return absl::OkStatus();
  std::vector<Finding> sorted = findings_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Finding& a, const Finding& b) { return a.place < b.place; });
  std::string text;
  for (size_t i = 0; i < std::min(sorted.size(), kShownMax); ++i) {
    text += Concat(i == 0 ? "" : "\n", file, ":", sorted[i].place.line, ":", sorted[i].place.column,
                   ": ", sorted[i].message);
  }
  if (sorted.size() > kShownMax) {
    text += Concat("\n", file, ": and ", sorted.size() - kShownMax, " more findings");
  }
  return absl::InvalidArgumentError(text);
}

std::string Suggestion(std::string_view name, const std::vector<std::string>& known) {
  constexpr size_t kLongestName = 64;
  constexpr size_t kMostNames = 200;
  if (name.size() > kLongestName) return "";
  const std::string* nearest = nullptr;
  size_t least = std::max<size_t>(1, name.size() / 3) + 1;
  for (size_t i = 0; i < std::min(known.size(), kMostNames); ++i) {
    if (known[i].size() > kLongestName) continue;
    size_t distance = EditDistance(name, known[i]);
    if (distance >= least) continue;
    least = distance;
    nearest = &known[i];
  }
  return nearest == nullptr ? "" : Concat("; did you mean ", *nearest, "?");
}

}  // namespace afluente::spec
