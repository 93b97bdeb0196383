#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_runner.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/wire/context.h"
#include "warehouse/wire/rows.h"

namespace afluente::warehouse::wire {
namespace {

using schema::Concat;

constexpr uint64_t kRowsDefault = 100'000;
constexpr size_t kPageBytesMax = 10 << 20;

// Rows as they are written into a page; false when it is full.
class PageWriter {
 public:
  PageWriter(const Page& page, std::string& out) : page_(page), out_(out) { out_ = "["; }

  bool Add(const ColumnBatch& batch, size_t row) {
    if (rows_ >= page_.rows_max || (rows_ > 0 && out_.size() > kPageBytesMax)) return false;
    if (rows_++ > 0) out_ += ',';
    AppendRow(batch, row, page_.timestamps, out_);
    return true;
  }

  // Closes the page; `total` rows are there in all.
  void End(uint64_t total, Answer& answer) {
    out_ += ']';
    answer.body["totalRows"] = std::to_string(total);
    const uint64_t next = page_.start + rows_;
    if (next < total) answer.body["pageToken"] = PageToken(next);
  }

 private:
  const Page& page_;
  std::string& out_;
  uint64_t rows_ = 0;
};

absl::StatusOr<std::vector<std::string>> SelectedColumns(const TableSchema& table,
                                                         const std::string& selected) {
  std::vector<std::string> columns;
  size_t from = 0;
  while (from < selected.size()) {
    const size_t comma = std::min(selected.find(',', from), selected.size());
    const std::string name(
        schema::StripSpace(std::string_view(selected).substr(from, comma - from)));
    from = comma + 1;
    if (name.find('.') != std::string::npos) {
      return absl::UnimplementedError("selectedFields inside a RECORD is not supported");
    }
    const bool known = std::any_of(table.columns.begin(), table.columns.end(), [&](const auto& c) {
      return schema::EqualsIgnoreCase(c.name, name);
    });
    if (!known) return absl::InvalidArgumentError(Concat("Invalid selected field: ", name));
    columns.push_back(name);
  }
  return columns;
}

}  // namespace

absl::StatusOr<Page> PageOf(const Call& call) {
  Page page;
  page.rows_max = kRowsDefault;
  AFLUENTE_ASSIGN_OR_RETURN(const auto rows, call.QueryNumber("maxResults"));
  if (rows) page.rows_max = static_cast<uint64_t>(*rows);
  AFLUENTE_ASSIGN_OR_RETURN(const auto start, call.QueryNumber("startIndex"));
  if (start) page.start = static_cast<uint64_t>(*start);
  const std::string token = call.Query("pageToken").value_or("");
  if (!token.empty()) {
    AFLUENTE_ASSIGN_OR_RETURN(page.start, FromPageToken(token));
  }
  const bool int64 = call.QueryFlag("formatOptions.useInt64Timestamp") ||
                     call.QueryFlag("formatOptions_useInt64Timestamp");
  AFLUENTE_ASSIGN_OR_RETURN(
      page.timestamps,
      TimestampFormOf(call.Query("formatOptions.timestampOutputFormat").value_or(""), int64));
  return page;
}

absl::StatusOr<TimestampForm> TimestampFormOf(const std::string& output_format, bool int64) {
  if (output_format.empty() || output_format == "TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED") {
    return int64 ? TimestampForm::kMicros : TimestampForm::kSeconds;
  }
  if (output_format == "FLOAT64") return TimestampForm::kSeconds;
  if (output_format == "INT64") return TimestampForm::kMicros;
  if (output_format == "ISO8601_STRING") return TimestampForm::kIso8601;
  return absl::InvalidArgumentError(
      Concat("Invalid value for timestampOutputFormat: ", output_format.substr(0, 40)));
}

absl::Status AddResultRows(const jobs::QueryResult& result, const Page& page, Answer& answer) {
  answer.rows.emplace();
  PageWriter writer(page, *answer.rows);
  AFLUENTE_RETURN_IF_ERROR(result.Visit(
      page.start, [&](const ColumnBatch& batch, size_t row) { return writer.Add(batch, row); }));
  writer.End(result.rows(), answer);
  return absl::OkStatus();
}

absl::Status AddTableRows(Context& context, const TableName& table,
                          const std::vector<std::string>& columns, const Page& page,
                          Answer& answer) {
  AFLUENTE_ASSIGN_OR_RETURN(const jobs::TableSize size, context.runner.ports().sizes.Of(table));
  std::string names;
  for (const std::string& column : columns) {
    names += Concat(names.empty() ? "`" : ", `", column, "`");
  }
  const std::string sql =
      Concat("SELECT ", names.empty() ? "*" : names, " FROM `", table.project, ".", table.dataset,
             ".", table.table, "` LIMIT ", page.rows_max, " OFFSET ", page.start);
  answer.rows.emplace();
  PageWriter writer(page, *answer.rows);
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<ResultStream> stream,
                            context.warehouse.Query({sql, table.project, ""}, {}, {}));
  bool more = page.rows_max > 0;
  while (more) {
    AFLUENTE_ASSIGN_OR_RETURN(const ColumnBatch batch, stream->Next());
    more = batch.rows > 0;
    for (size_t row = 0; more && row < batch.rows; ++row) more = writer.Add(batch, row);
  }
  writer.End(static_cast<uint64_t>(size.rows), answer);
  return absl::OkStatus();
}

absl::StatusOr<Answer> TabledataList(Context& context, Call& call) {
  const TableName name{call.Path("projectId"), call.Path("datasetId"), call.Path("tableId")};
  AFLUENTE_ASSIGN_OR_RETURN(const Page page, PageOf(call));
  Answer answer;
  answer.body = {{"kind", "bigquery#tableDataList"}};
  if (name.dataset == jobs::kResultDataset) {
    AFLUENTE_RETURN_IF_ERROR(CheckResult(context, call, name));
    const auto result = context.runner.ports().results.Find(name.table);
    if (result == nullptr) {
      return absl::NotFoundError(Concat("Not found: Table ", name.ToString(),
                                        ": the rows of this query are not kept any more"));
    }
    AFLUENTE_RETURN_IF_ERROR(AddResultRows(*result, page, answer));
    return answer;
  }
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kRead, name.dataset));
  const std::optional<TableSchema> table = context.catalog.FindTable(name);
  if (!table) {
    return absl::NotFoundError(
        Concat("Not found: Table ", name.project, ":", name.dataset, ".", name.table));
  }
  if (!table->view_query.empty()) {
    return absl::InvalidArgumentError(Concat("Cannot list a table of type VIEW: ", name.table));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<std::string> columns,
                            SelectedColumns(*table, call.Query("selectedFields").value_or("")));
  AFLUENTE_RETURN_IF_ERROR(AddTableRows(context, name, columns, page, answer));
  return answer;
}

}  // namespace afluente::warehouse::wire
