#include "cli/table_printer.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/numbers.h"

namespace afluente::cli {
namespace {

// Code points, which is what a terminal shows of most scripts.
size_t Width(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

bool IsNumber(const std::string& text) {
  double number;
  return absl::SimpleAtod(text, &number);
}

}  // namespace

TablePrinter::TablePrinter(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void TablePrinter::Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

void TablePrinter::Print() const {
  const size_t columns = rows_[0].size();
  std::vector<size_t> widths(columns, 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < columns; ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      const bool right = rows_.size() > 1 && IsNumber(rows_[1][i]);
      line += (i > 0 ? "  " : "") + (right ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::printf("%s\n", line.c_str());
  }
}

}  // namespace afluente::cli
