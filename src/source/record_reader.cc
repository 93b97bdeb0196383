#include "source/record_reader.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "telemetry/json_string.h"

namespace afluente::source {
namespace {

constexpr size_t kRecordBytesMax = 10 << 20;  // Pub/Sub's message limit

class NdjsonReader final : public RecordReader {
 public:
  NdjsonReader(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {}

  absl::StatusOr<std::optional<std::string>> Next() override {
    std::string line;
    while (std::getline(in_, line)) {
      ++line_;
      bytes_ += line.size() + 1;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty()) continue;
      if (line.size() > kRecordBytesMax) {
        return absl::InvalidArgumentError(absl::StrCat(name_, ":", line_, ": a line of ",
                                                       line.size(), " bytes; the limit is ",
                                                       kRecordBytesMax));
      }
      return line;
    }
    if (in_.bad()) return absl::UnavailableError(absl::StrCat(name_, ": cannot be read"));
    return std::nullopt;
  }

  uint64_t bytes_read() const override { return bytes_; }

 private:
  std::istream& in_;
  const std::string name_;
  uint64_t line_ = 0;
  uint64_t bytes_ = 0;
};

class CsvReader final : public RecordReader {
 public:
  CsvReader(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {}

  absl::StatusOr<std::optional<std::string>> Next() override {
    if (header_.empty()) {
      if (auto status = ReadHeader(); !status.ok()) return status;
      if (header_.empty()) return std::nullopt;
    }
    std::vector<std::string> row;
    auto more = ReadRow(row);
    if (!more.ok()) return more.status();
    if (!*more) return std::nullopt;
    if (row.size() != header_.size()) {
      return Error(
          absl::StrCat("a row of ", row.size(), " fields; the header has ", header_.size()));
    }
    std::string object = "{";
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) object += ',';
      if (!telemetry::IsUtf8(row[i])) {
        return Error(absl::StrCat("field ", i + 1, " is not UTF-8"));
      }
      object += header_[i];
      if (row[i].empty()) {
        object += "null";
      } else {
        telemetry::AppendJsonString(object, row[i]);
      }
    }
    object += '}';
    return object;
  }

  uint64_t bytes_read() const override { return bytes_; }

 private:
  absl::Status Error(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(name_, ":", row_line_, ": ", what));
  }

  absl::Status ReadHeader() {
    std::vector<std::string> names;
    auto more = ReadRow(names);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    std::set<std::string> seen;
    if (absl::StartsWith(names[0], "\xEF\xBB\xBF")) names[0].erase(0, 3);
    for (const std::string& name : names) {
      if (name.empty()) return Error("the header has a column without a name");
      if (!telemetry::IsUtf8(name)) return Error("the header is not UTF-8");
      if (!seen.insert(name).second) return Error("the header names " + name + " twice");
      std::string key;
      telemetry::AppendJsonString(key, name);
      header_.push_back(key + ":");
    }
    return absl::OkStatus();
  }

  int Get() {
    const int c = in_.rdbuf()->sbumpc();
    bytes_ += c != EOF;
    line_ += c == '\n';
    return c;
  }

  // Reads the rest of a quoted field. False at the end of the file.
  bool ReadQuoted(std::string& field) {
    while (true) {
      const int c = Get();
      if (c == EOF || field.size() > kRecordBytesMax) return false;
      if (c != '"') {
        field += static_cast<char>(c);
        continue;
      }
      if (in_.rdbuf()->sgetc() != '"') return true;
      Get();
      field += '"';
    }
  }

  // One row's fields; false at the end. Empty lines are skipped.
  absl::StatusOr<bool> ReadRow(std::vector<std::string>& row) {
    row.clear();
    std::string field;
    bool quoted = false;
    row_line_ = line_;
    while (true) {
      const int c = Get();
      if (c == '"' && field.empty() && !quoted) {
        quoted = true;
        if (!ReadQuoted(field)) return Error("a quoted field does not end");
        continue;
      }
      if (c == '\r' && in_.rdbuf()->sgetc() == '\n') continue;
      if (c == ',') {
        row.push_back(std::exchange(field, {}));
        quoted = false;
        continue;
      }
      if (c != '\n' && c != EOF) {
        if (quoted) return Error("text after a closing quote");
        if (field.size() > kRecordBytesMax) return Error("a field is too long");
        field += static_cast<char>(c);
        continue;
      }
      if (row.empty() && field.empty() && !quoted) {
        if (c == EOF) return false;
        row_line_ = line_;
        continue;
      }
      row.push_back(std::move(field));
      return true;
    }
  }

  std::istream& in_;
  const std::string name_;
  std::vector<std::string> header_;  // as `"name":`
  uint64_t line_ = 1;
  uint64_t row_line_ = 1;
  uint64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<RecordFormat> FormatOfFile(const std::string& path) {
  if (absl::EndsWith(path, ".csv")) return RecordFormat::kCsv;
  for (const char* ending : {".ndjson", ".jsonl", ".json"}) {
    if (absl::EndsWith(path, ending)) return RecordFormat::kNdjson;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path,
                   ": unknown kind of file; .csv, .ndjson, .jsonl, .json (each also .gz or .zst) "
                   "and .parquet are supported"));
}

std::unique_ptr<RecordReader> RecordReader::Create(std::istream& in, RecordFormat format,
                                                   std::string name) {
  if (format == RecordFormat::kCsv) return std::make_unique<CsvReader>(in, std::move(name));
  return std::make_unique<NdjsonReader>(in, std::move(name));
}

}  // namespace afluente::source
