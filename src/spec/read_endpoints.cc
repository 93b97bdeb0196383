#include <algorithm>
#include <map>
#include <utility>

#include "schema/parse_value.h"
#include "schema/text.h"
#include "spec/path_pattern.h"
#include "spec/read.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

// Paths that the API answers itself.
constexpr std::string_view kReserved[] = {"/", "/health", "/docs", "/openapi.json", "/metrics"};

// What is beside the statement and its parameters.
void ReadSettings(const YamlEntry& entry, Endpoint* endpoint, Reading* reading) {
  const YamlNode& node = entry.value;
  endpoint->summary = TextOf(node, "summary");
  endpoint->description = TextOf(node, "description");
  endpoint->cache = ParseDuration(TextOf(node, "cache"));
  endpoint->timeout = ParseDuration(TextOf(node, "timeout"));
  const std::string where = Concat("endpoints.", entry.key.text);
  if (endpoint->timeout.has_value() && endpoint->timeout->count() == 0) {
    reading->findings->Add(PlaceOf(node, "timeout"), Concat(where, ".timeout: more than 0s"));
  }
  if (const int size = IntegerOf(node, "page_size", 0); size > 0) endpoint->page_size = size;
  if (const int rows = IntegerOf(node, "max_rows", 0); rows > 0) endpoint->max_rows = rows;
  if (endpoint->page_size.value_or(1) > endpoint->max_rows.value_or(10'000)) {
    reading->findings->Add(PlaceOf(node, "page_size"),
                           Concat(where, ".page_size: it is more than max_rows"));
  }
  if (auto rate = ParseRate(TextOf(node, "rate_limit"))) {
    endpoint->rate_limit = RateLimit{rate->count, rate->period};
  }
  for (const auto& [key, list] :
       {std::pair("order_by", &endpoint->order_by), std::pair("cors", &endpoint->cors)}) {
    const YamlNode* items = node.Find(key);
    if (items == nullptr) continue;
    for (const YamlNode& item : items->items) list->push_back(item.text);
  }
}

}  // namespace

void ReadEndpoints(const YamlNode& endpoints, Reading* reading) {
  std::map<std::string, std::string> shapes;
  for (const YamlEntry& entry : endpoints.entries) {
    Endpoint endpoint;
    endpoint.path = entry.key.text;
    auto pattern = ParsePathPattern(endpoint.path);
    if (!pattern.ok()) {
      reading->findings->Add(
          entry.key.place, Concat("endpoints: path ", schema::QuoteForMessage(endpoint.path), ", ",
                                  std::string(pattern.status().message())));
      continue;
    }
    if (std::find(std::begin(kReserved), std::end(kReserved), endpoint.path) !=
        std::end(kReserved)) {
      reading->findings->Add(
          entry.key.place, Concat("endpoints: ", endpoint.path, " is answered by Afluente itself"));
    }
    auto [first, added] = shapes.emplace(pattern->shape, endpoint.path);
    if (!added) {
      reading->findings->Add(entry.key.place, Concat("endpoints: ", endpoint.path,
                                                     " matches the same paths as ", first->second));
    }
    ReadSettings(entry, &endpoint, reading);
    ReadParameters(entry, pattern->parameters, &endpoint.parameters, reading);
    endpoint.sql_file = TextOf(entry.value, "sql");
    endpoint.sql = ReadSqlFile(endpoint.sql_file, PlaceOf(entry.value, "sql"), reading);
    reading->spec->endpoints.push_back(std::move(endpoint));
  }
}

}  // namespace afluente::spec
