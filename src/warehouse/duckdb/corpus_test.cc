#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Type;
using schema::TypeKind;
using schema::Value;

// Statements of the corpus that the engine does not answer as GoogleSQL does. It may shrink only.
constexpr int kFailuresKnown = 0;

struct Case {
  int line = 0;
  std::string sql;
  std::vector<std::string> rows;
};

std::vector<Case> ReadCorpus() {
  std::ifstream file(WAREHOUSE_CORPUS);
  std::vector<Case> cases;
  Case current;
  bool in_rows = false;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.starts_with("##")) continue;
    if (line == "====") {
      cases.push_back(std::move(current));
      current = Case();
      in_rows = false;
    } else if (line == "----" && !in_rows) {
      in_rows = true;
    } else if (in_rows) {
      current.rows.push_back(line);
    } else {
      if (current.sql.empty()) current.line = number;
      current.sql += (current.sql.empty() ? "" : "\n") + line;
    }
  }
  return cases;
}

std::string Padded(int64_t value, size_t digits) {
  std::string text = std::to_string(value);
  return std::string(text.size() < digits ? digits - text.size() : 0, '0') + text;
}

std::string DateText(int64_t days) {
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return Padded(static_cast<int>(date.year()), 4) + "-" +
         Padded(static_cast<unsigned>(date.month()), 2) + "-" +
         Padded(static_cast<unsigned>(date.day()), 2);
}

std::string TimeText(int64_t micros) {
  int64_t seconds = micros / 1'000'000;
  std::string text = Padded(seconds / 3600, 2) + ":" + Padded(seconds / 60 % 60, 2) + ":" +
                     Padded(seconds % 60, 2);
  if (micros % 1'000'000 == 0) return text;
  text += "." + Padded(micros % 1'000'000, 6);
  while (text.back() == '0') text.pop_back();
  return text;
}

std::string DatetimeText(int64_t micros) {
  constexpr int64_t kDay = 86'400'000'000;
  int64_t days = micros >= 0 ? micros / kDay : (micros - kDay + 1) / kDay;
  return DateText(days) + " " + TimeText(micros - days * kDay);
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.12g", value == 0 ? 0.0 : value);
  return buffer;
}

std::string HexText(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "x'";
  for (unsigned char c : bytes) text.append({kDigits[c >> 4], kDigits[c & 15]});
  return text + "'";
}

std::string Format(const Type& type, const Value& value) {
  if (value.is_null()) return "NULL";
  auto text = [&]() -> const std::string& { return std::get<std::string>(value.data); };
  auto integer = [&] { return std::get<int64_t>(value.data); };
  switch (type.kind) {
    case TypeKind::kBool:
      return std::get<bool>(value.data) ? "true" : "false";
    case TypeKind::kInt64:
      return std::to_string(integer());
    case TypeKind::kFloat64:
      return FloatText(std::get<double>(value.data));
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return text();
    case TypeKind::kString:
      return nlohmann::json(text()).dump();
    case TypeKind::kBytes:
      return HexText(text());
    case TypeKind::kJson: {
      nlohmann::json parsed = nlohmann::json::parse(text(), nullptr, false);
      return parsed.is_discarded() ? "bad JSON: " + text() : parsed.dump();
    }
    case TypeKind::kDate:
      return DateText(integer());
    case TypeKind::kTime:
      return TimeText(integer());
    case TypeKind::kDatetime:
      return DatetimeText(integer());
    case TypeKind::kTimestamp:
      return DatetimeText(integer()) + "+00";
    case TypeKind::kInterval:
      return text();
    case TypeKind::kArray:
    case TypeKind::kStruct:
    case TypeKind::kRange:
      break;
  }
  bool array = type.kind == TypeKind::kArray;
  std::string out = array ? "[" : "{";
  const auto& list = std::get<Value::List>(value.data);
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ", ";
    out += Format(type.fields[array || type.kind == TypeKind::kRange ? 0 : i].type, list[i]);
  }
  return out + (array ? "]" : "}");
}

absl::StatusOr<std::vector<std::string>> Answer(Warehouse& warehouse, const std::string& sql) {
  absl::StatusOr<std::unique_ptr<ResultStream>> stream =
      warehouse.Query({sql, "proj", "ds"}, {}, {});
  if (!stream.ok()) return stream.status();
  absl::StatusOr<Rows> rows = ReadAll(**stream);
  if (!rows.ok()) return rows.status();
  std::vector<std::string> lines;
  for (const auto& row : *rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += (i == 0 ? "" : " | ") + Format((*stream)->columns()[i].type, row[i]);
    }
    lines.push_back(line);
  }
  return lines;
}

TEST(Corpus, StatementsGiveTheReferenceEnginesRows) {
  TestDatabase database;
  ASSERT_TRUE(database.catalog().EnsureDataset("proj", "ds").ok());
  std::vector<Case> cases = ReadCorpus();
  ASSERT_FALSE(cases.empty());
  int failed = 0;
  for (const Case& test : cases) {
    absl::StatusOr<std::vector<std::string>> rows = Answer(database.warehouse(), test.sql);
    bool error_wanted = test.rows == std::vector<std::string>{"ERROR"};
    if (error_wanted ? !rows.ok() : rows.ok() && *rows == test.rows) continue;
    ++failed;
    std::printf("corpus.txt:%d: %s\n", test.line, test.sql.c_str());
    for (const std::string& row : test.rows) std::printf("  want %s\n", row.c_str());
    if (!rows.ok()) {
      std::printf("  got  %s\n", rows.status().ToString().c_str());
      continue;
    }
    for (const std::string& row : *rows) std::printf("  got  %s\n", row.c_str());
  }
  std::printf("corpus: %zu of %zu statements pass\n", cases.size() - failed, cases.size());
  EXPECT_LE(failed, kFailuresKnown);
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
