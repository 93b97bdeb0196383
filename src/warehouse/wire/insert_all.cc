#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/streaming_insert.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {
namespace {

using schema::Concat;

constexpr size_t kRowsMax = 50'000;  // BigQuery's

bool IsSuffix(const std::string& text) {
  for (char c : text) {
    if (!schema::IsAlpha(c) && !schema::IsDigit(c) && c != '_') return false;
  }
  return text.size() <= 256;
}

}  // namespace

absl::StatusOr<Answer> TabledataInsertAll(Context& context, Call& call) {
  jobs::InsertRequest request;
  request.table = {call.Path("projectId"), call.Path("datasetId"), call.Path("tableId")};
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, request.table.dataset));
  request.skip_invalid_rows = jobs::BoolOf(call.body, "skipInvalidRows");
  request.ignore_unknown_values = jobs::BoolOf(call.body, "ignoreUnknownValues");
  request.template_suffix = jobs::TextOf(call.body, "templateSuffix");
  if (!IsSuffix(request.template_suffix)) {
    return absl::InvalidArgumentError("templateSuffix is letters, digits and underscores");
  }
  const json* rows = jobs::Member(call.body, "rows");
  if (rows == nullptr || !rows->is_array() || rows->empty()) {
    return absl::InvalidArgumentError("No rows present in the request.");
  }
  if (rows->size() > kRowsMax) {
    return absl::InvalidArgumentError(
        Concat("too many rows present in the request, limit: ", kRowsMax));
  }
  for (const json& row : *rows) {
    const json* values = jobs::Member(row, "json");
    request.rows.push_back(
        {values == nullptr ? "{}" : jobs::Dump(*values), jobs::TextOf(row, "insertId")});
  }
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<jobs::InsertError> errors,
                            context.inserts.Insert(request));
  Answer answer;
  answer.body = {{"kind", "bigquery#tableDataInsertAllResponse"}};
  for (const jobs::InsertError& error : errors) {
    json detail = {{"reason", error.reason},
                   {"location", error.location},
                   {"debugInfo", ""},
                   {"message", error.message}};
    json& all = answer.body["insertErrors"];
    if (!all.empty() && all.back()["index"] == error.index) {
      all.back()["errors"].push_back(std::move(detail));
      continue;
    }
    all.push_back({{"index", error.index}, {"errors", json::array({std::move(detail)})}});
  }
  return answer;
}

}  // namespace afluente::warehouse::wire
