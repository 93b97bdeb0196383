#include "api/controls.h"

#include <algorithm>

#include "host/check.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::api {
namespace {

using schema::Concat;

absl::Status Wrong(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(Concat("parameter '", name, "': ", what));
}

std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> pieces;
  while (true) {
    const size_t comma = text.find(',');
    pieces.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return pieces;
    text.remove_prefix(comma + 1);
  }
}

std::string Names(const ControlRules& rules, const std::vector<size_t>& columns) {
  std::string names;
  for (const size_t column : columns) {
    names += Concat(names.empty() ? "" : ", ", rules.columns[column].name);
  }
  return names;
}

absl::StatusOr<uint64_t> ReadPageSize(const ControlRules& rules, std::string_view text) {
  const auto size = schema::ParseInt64(text);
  if (size.has_value() && *size >= 1 && static_cast<uint64_t>(*size) <= rules.page_size_max) {
    return static_cast<uint64_t>(*size);
  }
  return Wrong("page_size", Concat("expected a whole number from 1 to ", rules.page_size_max,
                                   ", found ", schema::QuoteForMessage(text)));
}

absl::StatusOr<std::vector<warehouse::OrderKey>> ReadOrder(const ControlRules& rules,
                                                           std::string_view text) {
  std::vector<warehouse::OrderKey> order;
  for (std::string_view name : SplitAtCommas(text)) {
    const bool descending = name.starts_with('-');
    if (descending) name.remove_prefix(1);
    const auto column = FindColumn(rules.columns, name);
    const bool allowed =
        column.has_value() && std::count(rules.order_by.begin(), rules.order_by.end(), *column) > 0;
    if (!allowed) {
      return Wrong("order_by", Concat("expected columns of ", Names(rules, rules.order_by),
                                      ", each with '-' before it for descending order, found ",
                                      schema::QuoteForMessage(name)));
    }
    for (const warehouse::OrderKey& key : order) {
      if (key.column == *column) return Wrong("order_by", Concat(name, " is named twice"));
    }
    order.push_back({*column, descending, !descending});
  }
  return order;
}

absl::StatusOr<std::vector<size_t>> ReadFields(const ControlRules& rules, std::string_view text) {
  std::vector<size_t> fields;
  for (const std::string_view name : SplitAtCommas(text)) {
    const auto column = FindColumn(rules.columns, name);
    if (!column.has_value()) {
      std::vector<size_t> all(rules.columns.size());
      for (size_t i = 0; i < all.size(); ++i) all[i] = i;
      return Wrong("fields", Concat("expected columns of ", Names(rules, all), ", found ",
                                    schema::QuoteForMessage(name)));
    }
    if (std::count(fields.begin(), fields.end(), *column) > 0) {
      return Wrong("fields", Concat(name, " is named twice"));
    }
    fields.push_back(*column);
  }
  return fields;
}

}  // namespace

bool IsControl(const ControlRules& rules, std::string_view name) {
  if (name == "page_size" || name == "cursor") return rules.paged;
  if (name == "order_by") return !rules.order_by.empty();
  return name == "fields";
}

absl::StatusOr<Controls> ReadControls(
    const ControlRules& rules, const std::vector<std::pair<std::string, std::string>>& query) {
  Controls controls;
  // Lists come with commas or by repeating the name: generated clients do either.
  std::optional<std::string> order;
  std::optional<std::string> fields;
  const auto add = [](std::optional<std::string>& list, const std::string& text) {
    list = list.has_value() ? Concat(*list, ",", text) : text;
  };
  for (const auto& [name, text] : query) {
    if (!IsControl(rules, name)) continue;
    const bool again = (name == "page_size" && controls.page_size.has_value()) ||
                       (name == "cursor" && controls.cursor.has_value());
    if (again) return Wrong(name, "given more than once");
    if (name == "page_size") {
      AFLUENTE_ASSIGN_OR_RETURN(controls.page_size, ReadPageSize(rules, text));
    } else if (name == "cursor") {
      controls.cursor = text;
    } else {
      add(name == "order_by" ? order : fields, text);
    }
  }
  if (order.has_value()) {
    AFLUENTE_ASSIGN_OR_RETURN(controls.order, ReadOrder(rules, *order));
  }
  if (fields.has_value()) {
    AFLUENTE_ASSIGN_OR_RETURN(controls.fields, ReadFields(rules, *fields));
  }
  return controls;
}

std::optional<size_t> FindColumn(const std::vector<schema::Column>& columns,
                                 std::string_view name) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (schema::EqualsIgnoreCase(columns[i].name, name)) return i;
  }
  return std::nullopt;
}

}  // namespace afluente::api
