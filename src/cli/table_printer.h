#pragma once

#include <string>
#include <vector>

namespace afluente::cli {

// Prints rows under a header on stdout, columns as wide as their widest cell; numbers to the right.
class TablePrinter {
 public:
  explicit TablePrinter(std::vector<std::string> header);
  void Add(std::vector<std::string> row);
  void Print() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header first
};

}  // namespace afluente::cli
