#include "warehouse/duckdb/json_edit.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "host/check.h"
#include "schema/text.h"

namespace afluente::warehouse::duckdb {
namespace {

using nlohmann::json;

// An array written past its end grows to here at most.
constexpr size_t kIndexMax = 10'000;

struct Step {
  std::string key;
  size_t index = 0;
  bool is_index = false;
};

absl::Status BadPath(std::string_view path) {
  return absl::InvalidArgumentError(schema::Concat("Invalid JSONPath: ", path.substr(0, 200)));
}

// $.name, $['name'], $[2].
absl::StatusOr<std::vector<Step>> ParsePath(const json& value) {
  if (!value.is_string()) return BadPath("NULL");
  const std::string& path = value.get_ref<const std::string&>();
  if (path.empty() || path[0] != '$') return BadPath(path);
  std::vector<Step> steps;
  size_t at = 1;
  while (at < path.size()) {
    Step step;
    if (path[at] == '.') {
      const size_t end = std::min(path.find_first_of(".[", at + 1), path.size());
      step.key = path.substr(at + 1, end - at - 1);
      if (step.key.empty()) return BadPath(path);
      at = end;
    } else if (path[at] == '[' && at + 1 < path.size() &&
               (path[at + 1] == '\'' || path[at + 1] == '"')) {
      const size_t end = path.find(path[at + 1], at + 2);
      if (end == std::string::npos || end + 1 >= path.size() || path[end + 1] != ']') {
        return BadPath(path);
      }
      step.key = path.substr(at + 2, end - at - 2);
      at = end + 2;
    } else {
      const size_t end = path.find(']', at);
      if (path[at] != '[' || end == std::string::npos) return BadPath(path);
      step.is_index = true;
      auto [stop, error] = std::from_chars(path.data() + at + 1, path.data() + end, step.index);
      if (error != std::errc() || stop != path.data() + end || step.index > kIndexMax) {
        return BadPath(path);
      }
      at = end + 1;
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

// The member that a step names. Missing ones are made where `create` says so, and NULL becomes what
// the step needs; nullptr where there is none.
json* Member(json& node, const Step& step, bool create) {
  if (create && node.is_null()) node = step.is_index ? json::array() : json::object();
  if (step.is_index) {
    if (!node.is_array()) return nullptr;
    if (step.index < node.size()) return &node[step.index];
    if (!create) return nullptr;
    while (node.size() <= step.index) node.push_back(nullptr);
    return &node[step.index];
  }
  if (!node.is_object()) return nullptr;
  auto found = node.find(step.key);
  if (found != node.end()) return &*found;
  return create ? &node[step.key] : nullptr;
}

json* Walk(json& document, const std::vector<Step>& steps, size_t count, bool create) {
  json* node = &document;
  for (size_t i = 0; i < count && node != nullptr; ++i) node = Member(*node, steps[i], create);
  return node;
}

void Set(json& document, const std::vector<Step>& steps, const json& value, bool create) {
  json* node = Walk(document, steps, steps.size(), false);
  // What cannot be made anew leaves the document as it is.
  if (node == nullptr && create) {
    json changed = document;
    if (json* made = Walk(changed, steps, steps.size(), true)) {
      *made = value;
      document = std::move(changed);
    }
    return;
  }
  if (node != nullptr) *node = value;
}

void Insert(json& array, size_t index, const json& value, bool each) {
  while (array.size() < index) array.push_back(nullptr);
  const auto at = array.begin() + static_cast<std::ptrdiff_t>(index);
  if (each && value.is_array()) {
    array.insert(at, value.begin(), value.end());
  } else {
    array.insert(at, value);
  }
}

void ArrayInsert(json& document, const std::vector<Step>& steps, const json& value, bool each) {
  if (steps.empty() || !steps.back().is_index) return;
  json* array = Walk(document, steps, steps.size() - 1, false);
  if (array == nullptr) return;
  if (array->is_null()) *array = json::array();
  if (array->is_array()) Insert(*array, steps.back().index, value, each);
}

void ArrayAppend(json& document, const std::vector<Step>& steps, const json& value, bool each) {
  json* array = Walk(document, steps, steps.size(), false);
  if (array == nullptr) return;
  if (array->is_null()) *array = json::array();
  if (array->is_array()) Insert(*array, array->size(), value, each);
}

absl::Status Remove(json& document, const std::vector<Step>& steps) {
  if (steps.empty()) return absl::InvalidArgumentError("The JSONPath cannot be '$'");
  json* parent = Walk(document, steps, steps.size() - 1, false);
  if (parent == nullptr) return absl::OkStatus();
  const Step& last = steps.back();
  if (last.is_index && parent->is_array() && last.index < parent->size()) {
    parent->erase(last.index);
  } else if (!last.is_index && parent->is_object()) {
    parent->erase(last.key);
  }
  return absl::OkStatus();
}

bool IsEmpty(const json& node) { return (node.is_object() || node.is_array()) && node.empty(); }

void Strip(json& node, bool arrays, bool remove_empty) {
  if (!node.is_structured()) return;
  const bool strips = node.is_object() || arrays;
  for (auto it = node.begin(); it != node.end();) {
    Strip(*it, arrays, remove_empty);
    const bool goes = strips && (it->is_null() || (remove_empty && IsEmpty(*it)));
    it = goes ? node.erase(it) : std::next(it);
  }
}

absl::Status Apply(std::string_view function, json& document, const json& arguments, size_t at,
                   bool option) {
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Step> steps, ParsePath(arguments[at]));
  if (function == "JSON_REMOVE") return Remove(document, steps);
  const json& value = arguments[at + 1];
  if (function == "JSON_SET") Set(document, steps, value, option);
  if (function == "JSON_ARRAY_INSERT") ArrayInsert(document, steps, value, option);
  if (function == "JSON_ARRAY_APPEND") ArrayAppend(document, steps, value, option);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> EditJson(std::string_view function, std::string_view document,
                                     std::string_view arguments, bool option) {
  json edited = json::parse(document, nullptr, /*allow_exceptions=*/false);
  const json given = json::parse(arguments, nullptr, /*allow_exceptions=*/false);
  if (edited.is_discarded() || !given.is_array()) {
    return absl::InvalidArgumentError("Invalid input: a JSON document or its change is not JSON");
  }
  if (function == "JSON_STRIP_NULLS") {
    AFLUENTE_ASSIGN_OR_RETURN(std::vector<Step> steps, ParsePath(given[1]));
    json* node = Walk(edited, steps, steps.size(), false);
    if (node != nullptr) Strip(*node, given[0] == true, option);
    if (node != nullptr && option && IsEmpty(*node)) *node = nullptr;
  } else {
    const size_t width = function == "JSON_REMOVE" ? 1 : 2;
    for (size_t i = 0; i + width <= given.size(); i += width) {
      AFLUENTE_RETURN_IF_ERROR(Apply(function, edited, given, i, option));
    }
  }
  return edited.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace afluente::warehouse::duckdb
