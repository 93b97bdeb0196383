#include "warehouse/jobs/text_records.h"

#include <algorithm>

#include "schema/text.h"
#include "warehouse/jobs/block_reader.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;

constexpr size_t kRecordMax = 100 << 20;  // BigQuery's for a row

absl::Status TooLong(uint64_t at) {
  return absl::InvalidArgumentError(
      Concat("Row larger than the maximum allowed size; file offset: ", at));
}

class JsonLines final : public RecordReader {
 public:
  explicit JsonLines(const host::File& file) : bytes_(file) {}

  absl::StatusOr<std::optional<RawRow>> Next() override {
    while (true) {
      size_t wanted = 1;
      size_t from = 0;
      while (true) {
        AFLUENTE_ASSIGN_OR_RETURN(const std::string_view at_hand, bytes_.Peek(wanted));
        if (at_hand.empty()) return std::optional<RawRow>();
        const size_t end = at_hand.find('\n', from);
        const bool last = end == std::string_view::npos && at_hand.size() < wanted;
        if (end == std::string_view::npos && !last) {
          if (at_hand.size() > kRecordMax) return TooLong(bytes_.position());
          from = at_hand.size();
          wanted = at_hand.size() + 1;
          continue;
        }
        const size_t size = last ? at_hand.size() : end;
        RawRow row;
        row.at = bytes_.position();
        row.json = std::string(schema::StripSpace(at_hand.substr(0, size)));
        bytes_.Skip(last ? size : size + 1);
        if (row.json.empty()) break;
        return std::optional<RawRow>(std::move(row));
      }
    }
  }
  absl::Status Rewind() override {
    bytes_.Rewind();
    return absl::OkStatus();
  }
  const std::vector<schema::Column>& columns() const override { return columns_; }

 private:
  BlockReader bytes_;
  const std::vector<schema::Column> columns_;
};

// RFC 4180 with BigQuery's options.
class CsvRecords final : public RecordReader {
 public:
  CsvRecords(const host::File& file, const FileOptions& options)
      : bytes_(file), options_(options) {}

  absl::StatusOr<std::optional<RawRow>> Next() override {
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(std::optional<RawRow> row, NextRecord());
      if (!row) return row;
      // An empty line is no row.
      const bool empty =
          row->fields.size() == 1 && row->fields[0].text.empty() && !row->fields[0].quoted;
      if (!empty) return row;
    }
  }
  absl::Status Rewind() override {
    bytes_.Rewind();
    return absl::OkStatus();
  }
  const std::vector<schema::Column>& columns() const override { return columns_; }

 private:
  enum class Where { kStart, kPlain, kQuoted, kAfterQuote };

  absl::StatusOr<std::optional<RawRow>> NextRecord() {
    if (bytes_.position() == 0) {
      AFLUENTE_ASSIGN_OR_RETURN(const std::string_view start, bytes_.Peek(3));
      if (start.starts_with("\xEF\xBB\xBF")) bytes_.Skip(3);
    }
    RawRow row;
    row.at = bytes_.position();
    CsvField field;
    Where where = Where::kStart;
    size_t size = 0;
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(const std::string_view at_hand, bytes_.Peek(1));
      if (at_hand.empty()) {
        if (size == 0) return std::optional<RawRow>();
        if (where == Where::kQuoted) return Unclosed(row.at);
        row.fields.push_back(std::move(field));
        return std::optional<RawRow>(std::move(row));
      }
      for (size_t i = 0; i < at_hand.size(); ++i) {
        const char c = at_hand[i];
        if (++size > kRecordMax) return TooLong(row.at);
        if (c == '\n' && where != Where::kQuoted) {
          bytes_.Skip(i + 1);
          if (!field.quoted && field.text.ends_with('\r')) field.text.pop_back();
          row.fields.push_back(std::move(field));
          return std::optional<RawRow>(std::move(row));
        }
        if (absl::Status taken = Take(c, where, field, row); !taken.ok()) return taken;
      }
      bytes_.Skip(at_hand.size());
    }
  }

  absl::Status Take(char c, Where& where, CsvField& field, RawRow& row) const {
    const bool quote = options_.quote && c == *options_.quote;
    if (where == Where::kQuoted) {
      if (c == '\n' && !options_.allow_quoted_newlines) return Unclosed(row.at);
      if (quote) {
        where = Where::kAfterQuote;
      } else {
        field.text += c;
      }
      return absl::OkStatus();
    }
    if (c == options_.delimiter) {
      row.fields.push_back(std::move(field));
      field = CsvField();
      where = Where::kStart;
      return absl::OkStatus();
    }
    if (where == Where::kStart && quote) {
      field.quoted = true;
      where = Where::kQuoted;
      return absl::OkStatus();
    }
    if (where == Where::kAfterQuote) {
      if (quote) {
        field.text += c;
        where = Where::kQuoted;
        return absl::OkStatus();
      }
      if (c == '\r') return absl::OkStatus();
      return absl::InvalidArgumentError(Concat(
          "Data between close quote character (\") and field separator; file offset: ", row.at));
    }
    where = Where::kPlain;
    field.text += c;
    return absl::OkStatus();
  }

  static absl::Status Unclosed(uint64_t at) {
    return absl::InvalidArgumentError(
        Concat("Missing close quote character (\"); a quoted line break needs "
               "allowQuotedNewlines; file offset: ",
               at));
  }

  BlockReader bytes_;
  const FileOptions options_;
  const std::vector<schema::Column> columns_;
};

}  // namespace

std::unique_ptr<RecordReader> ReadJsonLines(const host::File& file) {
  return std::make_unique<JsonLines>(file);
}

std::unique_ptr<RecordReader> ReadCsv(const host::File& file, const FileOptions& options) {
  return std::make_unique<CsvRecords>(file, options);
}

}  // namespace afluente::warehouse::jobs
