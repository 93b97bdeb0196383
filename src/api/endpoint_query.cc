#include "api/endpoint_query.h"

#include <algorithm>
#include <utility>

#include "api/answer_format.h"
#include "api/answer_writer.h"
#include "api/caller_parameters.h"
#include "api/entity_tag.h"
#include "api/parameters.h"
#include "api/query_string.h"
#include "api/total_order.h"
#include "api/value_bytes.h"
#include "host/check.h"
#include "host/hmac.h"
#include "schema/text.h"
#include "warehouse/row_json.h"

namespace afluente::api {
namespace {

using schema::Concat;

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

constexpr char kTooLarge[] = "afluente/too-large";

absl::Status TooLarge(std::string_view what) {
  absl::Status status = absl::OutOfRangeError(
      Concat("the answer has more than ", what, "; ask for less with narrower parameters"));
  status.SetPayload(kTooLarge, absl::Cord("1"));
  return status;
}

std::vector<schema::Column> Chosen(const std::vector<schema::Column>& columns,
                                   const std::vector<size_t>& fields) {
  if (fields.empty()) return columns;
  std::vector<schema::Column> chosen;
  for (const size_t field : fields) chosen.push_back(columns[field]);
  return chosen;
}

// The first `rows` rows of the chosen columns, which are taken from `batch`.
warehouse::ColumnBatch Take(warehouse::ColumnBatch& batch, size_t rows, size_t columns,
                            const std::vector<size_t>& fields) {
  warehouse::ColumnBatch taken;
  taken.rows = rows;
  if (fields.empty()) {
    batch.columns.resize(columns);
    taken.columns = std::move(batch.columns);
    return taken;
  }
  for (const size_t field : fields) taken.columns.push_back(std::move(batch.columns[field]));
  return taken;
}

void AppendOrder(std::string& key, const std::vector<warehouse::OrderKey>& order) {
  AppendNumberBytes(key, order.size());
  for (const warehouse::OrderKey& item : order) {
    AppendNumberBytes(key,
                      item.column << 2 | (item.descending ? 2 : 0) | (item.nulls_first ? 1 : 0));
  }
}

}  // namespace

EndpointQuery::EndpointQuery(const spec::Endpoint& endpoint, warehouse::Warehouse& warehouse,
                             const EndpointOptions& options)
    : endpoint_(endpoint),
      options_(options),
      warehouse_(warehouse),
      rows_max_(endpoint.max_rows ? static_cast<uint64_t>(*endpoint.max_rows) : options.rows_max),
      id_(host::HmacSha256(options.secret, Concat("endpoint ", endpoint.path, "\n", endpoint.sql))
              .substr(0, 16)) {
  ReadPath();
}

absl::StatusOr<std::unique_ptr<EndpointQuery>> EndpointQuery::Create(
    const spec::Endpoint& endpoint, warehouse::Warehouse& warehouse,
    const EndpointOptions& options) {
  std::unique_ptr<EndpointQuery> query(new EndpointQuery(endpoint, warehouse, options));
  AFLUENTE_RETURN_IF_ERROR(query->Locate(query->Describe()));
  return query;
}

// What the router has checked before stays unchecked here: braces are paired.
void EndpointQuery::ReadPath() {
  const std::string& path = endpoint_.path;
  size_t end = 0;
  for (size_t open = path.find('{'); open != std::string::npos; open = path.find('{', end)) {
    end = std::min(path.find('}', open), path.size());
    path_names_.insert(path.substr(open + 1, end - open - 1));
  }
}

absl::Status EndpointQuery::Locate(const absl::Status& status) const {
  if (status.ok()) return status;
  const std::string where = endpoint_.sql_file.empty() ? "" : Concat(endpoint_.sql_file, ": ");
  return absl::Status(status.code(),
                      Concat(where, "endpoint ", endpoint_.path, ": ", View(status.message())));
}

absl::Status EndpointQuery::Describe() {
  std::vector<warehouse::Parameter> parameters;
  for (const spec::EndpointParameter& parameter : endpoint_.parameters) {
    AFLUENTE_RETURN_IF_ERROR(CheckParameterType(parameter, InPath(parameter.name)));
    parameters.push_back({parameter.name, parameter.type, schema::Value()});
  }
  for (warehouse::Parameter& parameter : CallerParameters({})) {
    parameters.push_back(std::move(parameter));
  }
  AFLUENTE_ASSIGN_OR_RETURN(
      facts_, warehouse_.Describe({endpoint_.sql, options_.project, options_.dataset}, parameters));
  if (!facts_.query) {
    return absl::InvalidArgumentError("an endpoint's SQL must be a query, not DML or DDL");
  }
  AFLUENTE_RETURN_IF_ERROR(CheckParameters(facts_.parameters));
  const auto& used = facts_.parameters;
  reads_caller_ = std::any_of(used.begin(), used.end(), IsCallerParameter);
  std::set<std::string> names;
  for (const schema::Column& column : facts_.columns) {
    if (!names.insert(schema::Lowercase(column.name)).second) {
      return absl::InvalidArgumentError(
          Concat("two columns are named '", column.name, "': give one another name with AS"));
    }
  }
  if (endpoint_.cache.has_value() && !facts_.deterministic) {
    return absl::InvalidArgumentError(
        "cache: its SQL gives another answer each time (CURRENT_TIMESTAMP, RAND and the like)");
  }
  rules_.columns = facts_.columns;
  rules_.paged = endpoint_.page_size.has_value();
  rules_.page_size_max = rows_max_;
  AFLUENTE_RETURN_IF_ERROR(DescribeOrder());
  return rules_.paged || !order_.empty() ? DescribePage(parameters) : absl::OkStatus();
}

absl::Status EndpointQuery::DescribeOrder() {
  std::vector<warehouse::OrderKey> listed;
  for (std::string_view name : endpoint_.order_by) {
    const bool descending = name.starts_with('-');
    if (descending) name.remove_prefix(1);
    const auto column = FindColumn(facts_.columns, name);
    if (!column.has_value()) {
      return absl::InvalidArgumentError(Concat("order_by: its SQL has no column '", name, "'"));
    }
    const schema::TypeKind kind = facts_.columns[*column].type.kind;
    if (kind == schema::TypeKind::kJson || kind == schema::TypeKind::kArray ||
        kind == schema::TypeKind::kStruct) {
      return absl::InvalidArgumentError(Concat("order_by: column '", name, "' of type ",
                                               facts_.columns[*column].type.ToString(),
                                               " has no order"));
    }
    rules_.order_by.push_back(*column);
    listed.push_back({*column, descending, !descending});
  }
  if (!facts_.order.has_value() && rules_.paged) {
    return absl::InvalidArgumentError(
        "page_size: its SQL is ordered by something that is not a column of its result: select "
        "that too");
  }
  // The statement's own order comes first, since it was written to be seen.
  own_order_ = !facts_.order.has_value() || !facts_.order->empty();
  order_ = own_order_ ? facts_.order.value_or(std::vector<warehouse::OrderKey>()) : listed;
  return absl::OkStatus();
}

// The statement within the one that pages it, so that what does not fit is found at the start.
absl::Status EndpointQuery::DescribePage(const std::vector<warehouse::Parameter>& parameters) {
  std::vector<warehouse::Parameter> all = parameters;
  auto page = TotalOrder(facts_.columns, order_).After(endpoint_.sql, nullptr, 1);
  all.insert(all.end(), page.parameters.begin(), page.parameters.end());
  const auto facts = warehouse_.Describe({page.sql, options_.project, options_.dataset}, all);
  if (facts.ok()) return absl::OkStatus();
  return absl::Status(facts.status().code(),
                      Concat("within a page: ", View(facts.status().message())));
}

absl::Status EndpointQuery::CheckParameters(const std::vector<std::string>& used) const {
  const auto& declared = endpoint_.parameters;
  for (const std::string& name : used) {
    if (IsCallerParameter(name)) continue;
    const bool known = std::any_of(declared.begin(), declared.end(), [&name](const auto& p) {
      return schema::EqualsIgnoreCase(p.name, name);
    });
    if (!known) {
      return absl::InvalidArgumentError(Concat("@", name, " is not among its parameters"));
    }
  }
  for (const spec::EndpointParameter& parameter : declared) {
    if (IsCallerParameter(parameter.name)) {
      return absl::InvalidArgumentError(
          Concat("parameter '", parameter.name, "' is bound to who asks; give it another name"));
    }
    const bool needed = std::any_of(used.begin(), used.end(), [&parameter](const auto& name) {
      return schema::EqualsIgnoreCase(parameter.name, name);
    });
    if (!needed) {
      return absl::InvalidArgumentError(
          Concat("parameter '", parameter.name, "' is not used by its SQL"));
    }
  }
  for (const std::string& name : path_names_) {
    const bool known = std::any_of(declared.begin(), declared.end(),
                                   [&name](const auto& p) { return p.name == name; });
    if (!known) {
      return absl::InvalidArgumentError(Concat("{", name, "} in its path is not a parameter"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Question> EndpointQuery::Read(AnswerFormat format, const Caller& caller,
                                             const http::Request& request,
                                             const http::PathParameters& path) const {
  AFLUENTE_RETURN_IF_ERROR(CheckNames(path, request, [this](const std::string& name) {
    const auto& declared = endpoint_.parameters;
    return IsControl(rules_, name) ||
           std::any_of(declared.begin(), declared.end(),
                       [&name](const auto& parameter) { return parameter.name == name; });
  }));
  Question question;
  question.format = format;
  AFLUENTE_ASSIGN_OR_RETURN(question.parameters,
                            BindParameters(endpoint_.parameters, path, request));
  // Before anything is derived: memory, tags and cursors are each caller's own.
  if (reads_caller_) {
    for (warehouse::Parameter& parameter : CallerParameters(caller)) {
      question.parameters.push_back(std::move(parameter));
    }
  }
  AFLUENTE_ASSIGN_OR_RETURN(const Controls controls, ReadControls(rules_, request.query));
  question.order = controls.order;
  if (question.order.empty() && (rules_.paged || !own_order_)) question.order = order_;
  question.fields = controls.fields;
  question.bound_to = id_;
  for (const warehouse::Parameter& parameter : question.parameters) {
    AppendValueBytes(question.bound_to, parameter.value);
  }
  AppendOrder(question.bound_to, question.order);
  question.key = question.bound_to;
  question.key += static_cast<char>(format);
  AppendNumberBytes(question.key, question.fields.size());
  for (const size_t field : question.fields) AppendNumberBytes(question.key, field);
  if (!rules_.paged) return question;
  question.page_rows = controls.page_size.value_or(static_cast<uint64_t>(*endpoint_.page_size));
  AppendNumberBytes(question.key, *question.page_rows);
  AppendTextBytes(question.key, controls.cursor.value_or(""));
  AFLUENTE_RETURN_IF_ERROR(ReadCursor(controls, question));
  question.next_link = QueryStringWithout("cursor", request.query);
  AppendTextBytes(question.key, question.next_link);
  return question;
}

absl::Status EndpointQuery::ReadCursor(const Controls& controls, Question& question) const {
  if (!controls.cursor.has_value()) return absl::OkStatus();
  const size_t keys = facts_.columns.size();
  AFLUENTE_ASSIGN_OR_RETURN(question.after,
                            OpenCursor(options_.secret, question.bound_to, *controls.cursor, keys));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<warehouse::ResultStream>> EndpointQuery::Start(
    const Question& question, const warehouse::QueryLimits& limits) const {
  warehouse::QueryLimits bounded = limits;
  bounded.rows_max = rows_max_ + 1;
  warehouse::Statement statement{endpoint_.sql, options_.project, options_.dataset};
  if (question.order.empty() && !question.page_rows) {
    return warehouse_.Query(statement, question.parameters, bounded);
  }
  const TotalOrder order(facts_.columns, question.order);
  if (!question.page_rows.has_value()) {
    statement.text = order.Ordered(endpoint_.sql);
    return warehouse_.Query(statement, question.parameters, bounded);
  }
  bounded.rows_max.reset();
  auto page = order.After(endpoint_.sql, question.after ? &*question.after : nullptr,
                          *question.page_rows + 1);
  statement.text = std::move(page.sql);
  std::vector<warehouse::Parameter> parameters = question.parameters;
  for (auto& parameter : page.parameters) parameters.push_back(std::move(parameter));
  return warehouse_.Query(statement, parameters, bounded);
}

absl::StatusOr<http::Response> EndpointQuery::Run(const Question& question,
                                                  const warehouse::QueryLimits& limits) const {
  AFLUENTE_ASSIGN_OR_RETURN(const auto stream, Start(question, limits));
  const auto columns = Chosen(facts_.columns, question.fields);
  const auto writer = MakeAnswerWriter(question.format, columns, *options_.parquet);
  const TotalOrder order(facts_.columns, question.order);
  const size_t width = facts_.columns.size() + (question.page_rows ? order.key_count() : 0);
  std::optional<Position> position = question.after;
  std::optional<std::string> next;
  uint64_t rows = 0;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(warehouse::ColumnBatch batch, stream->Next());
    if (batch.rows == 0) break;
    if (batch.columns.size() != width) {
      return absl::InternalError("the result's columns changed since the endpoint was described");
    }
    size_t taken = batch.rows;
    if (question.page_rows.has_value()) {
      taken = std::min<size_t>(taken, *question.page_rows - rows);
      if (taken > 0) position = order.Behind(batch, taken, position ? &*position : nullptr);
      if (taken < batch.rows) next = SignCursor(options_.secret, question.bound_to, *position);
    }
    rows += taken;
    if (rows > rows_max_) return TooLarge(Concat(rows_max_, " rows"));
    if (taken > 0) {
      AFLUENTE_RETURN_IF_ERROR(
          writer->Append(Take(batch, taken, facts_.columns.size(), question.fields)));
    }
    if (writer->bytes() > options_.answer_bytes_max) {
      return TooLarge(Concat(options_.answer_bytes_max, " bytes"));
    }
  }
  AFLUENTE_ASSIGN_OR_RETURN(std::string body, writer->Finish(next));
  http::Response response =
      http::Response::Text(200, std::string(ContentType(question.format)), std::move(body));
  if (next.has_value()) {
    const std::string separator = question.next_link.empty() ? "" : "&";
    response.headers.Add(
        "Link", Concat("<?", question.next_link, separator, "cursor=", *next, ">; rel=\"next\""));
  }
  return response;
}

// Only values that the specification gives: one out of the data might be what its reader must know
// to be shown a row.
absl::StatusOr<std::vector<warehouse::Parameter>> EndpointQuery::ExampleParameters() const {
  std::vector<warehouse::Parameter> bound;
  for (const spec::EndpointParameter& parameter : endpoint_.parameters) {
    std::optional<schema::Value> value = parameter.example;
    if (!value.has_value()) value = parameter.default_value;
    if (!value.has_value() && parameter.optional) value = schema::Value();
    if (!value.has_value() && !parameter.choices.empty()) {
      value = parameter.choices[0];
      if (parameter.type.kind == schema::TypeKind::kArray) {
        value = schema::Value(schema::Value::List{parameter.choices[0]});
      }
    }
    if (!value.has_value()) return absl::NotFoundError(parameter.name);
    bound.push_back({parameter.name, parameter.type, *std::move(value)});
  }
  return bound;
}

absl::StatusOr<std::string> EndpointQuery::ExampleRows(const warehouse::QueryLimits& limits) const {
  constexpr size_t kRowsMax = 2;
  constexpr size_t kBytesMax = 8 << 10;
  if (reads_caller_) return absl::NotFoundError("its rows are each caller's own");
  Question question;
  question.format = AnswerFormat::kJson;
  AFLUENTE_ASSIGN_OR_RETURN(question.parameters, ExampleParameters());
  if (rules_.paged || !own_order_) question.order = order_;
  if (rules_.paged) question.page_rows = kRowsMax;
  // What is not read of it is not computed either: the statement ends with its stream.
  AFLUENTE_ASSIGN_OR_RETURN(const auto stream, Start(question, limits));
  AFLUENTE_ASSIGN_OR_RETURN(warehouse::ColumnBatch batch, stream->Next());
  const warehouse::RowJsonWriter writer(facts_.columns);
  std::string rows = "[";
  for (size_t row = 0; row < std::min(batch.rows, kRowsMax); ++row) {
    std::string text = row == 0 ? "" : ",";
    writer.AppendRow(batch, row, text);
    if (rows.size() + text.size() > kBytesMax) break;
    rows += text;
  }
  if (rows.size() == 1) return absl::NotFoundError("no row, or none that is small enough");
  return rows + "]";
}

std::string EndpointQuery::ExampleTag() const {
  Question question;
  question.key = "example";
  return Tag(question);
}

bool EndpointQuery::IsTooLarge(const absl::Status& status) {
  return status.GetPayload(kTooLarge).has_value();
}

std::string EndpointQuery::Tag(const Question& question) const {
  if (!facts_.deterministic) return "";
  const auto versions = warehouse_.Versions(facts_.tables_read);
  return versions.ok() ? EntityTag(options_.secret, question.key, *versions) : "";
}

}  // namespace afluente::api
