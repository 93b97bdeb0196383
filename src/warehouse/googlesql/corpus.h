#pragma once

#include <fstream>
#include <string>
#include <vector>

namespace afluente::warehouse::googlesql {

// One statement of testdata/corpus.txt (its head describes the format).
struct CorpusCase {
  size_t line = 0;
  std::string sql;
  bool error = false;
  std::vector<std::string> rows;
};

// Tests only. Empty when the file cannot be read.
inline std::vector<CorpusCase> ReadCorpus(const std::string& path) {
  std::vector<CorpusCase> cases;
  std::ifstream file(path);
  std::string line;
  CorpusCase current;
  bool in_rows = false;
  size_t number = 0;
  auto finish = [&] {
    if (!current.sql.empty()) cases.push_back(current);
    current = CorpusCase();
    in_rows = false;
  };
  while (std::getline(file, line)) {
    ++number;
    if (line.starts_with("##")) continue;
    if (line == "====") {
      finish();
    } else if (line == "----") {
      in_rows = true;
    } else if (in_rows && line == "ERROR") {
      current.error = true;
    } else if (in_rows) {
      current.rows.push_back(line);
    } else {
      if (current.sql.empty()) current.line = number;
      current.sql += (current.sql.empty() ? "" : "\n") + line;
    }
  }
  finish();
  return cases;
}

}  // namespace afluente::warehouse::googlesql
