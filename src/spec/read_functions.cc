#include <algorithm>
#include <map>
#include <utility>

#include "schema/parse_value.h"
#include "schema/text.h"
#include "spec/read.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

// "dataset.table" to the function that feeds it, "" while none does.
using Feeders = std::map<std::string, std::string>;

Feeders AllTables(const Spec& spec) {
  Feeders feeders;
  for (const Dataset& dataset : spec.datasets) {
    for (const Table& table : dataset.tables) {
      feeders.emplace(Concat(dataset.name, ".", table.name), "");
    }
  }
  return feeders;
}

// A function without a table: it stores for itself and names a dataset for its dead letters.
void ReadDataset(const YamlNode& node, Function* function, Reading* reading) {
  const std::string where = Concat("functions.", function->name);
  function->dataset = TextOf(node, "dataset");
  if (function->dataset.empty()) {
    reading->findings->Add(node.place, Concat(where, ": table is missing"));
    return;
  }
  if (!function->http) {
    reading->findings->Add(PlaceOf(node, "dataset"),
                           Concat(where,
                                  ".dataset: only a function with transform.http can store "
                                  "for itself; name its table"));
  }
  std::vector<std::string> known;
  for (const Dataset& dataset : reading->spec->datasets) known.push_back(dataset.name);
  if (std::find(known.begin(), known.end(), function->dataset) != known.end()) return;
  reading->findings->Add(
      PlaceOf(node, "dataset"),
      Concat(where, ".dataset: there is no dataset ", schema::QuoteForMessage(function->dataset),
             Suggestion(function->dataset, known)));
}

void ReadTarget(const YamlNode& node, Function* function, Feeders* feeders, Reading* reading) {
  if (node.Find("table") == nullptr) return ReadDataset(node, function, reading);
  if (node.Find("dataset") != nullptr) {
    reading->findings->Add(
        PlaceOf(node, "dataset"),
        Concat("functions.", function->name, ".dataset: is for a function without a table"));
  }
  std::string target = TextOf(node, "table");
  if (target.empty()) return;
  Place place = PlaceOf(node, "table");
  std::string where = Concat("functions.", function->name, ".table: ");
  size_t dot = target.find('.');
  if (dot == std::string::npos || target.find('.', dot + 1) != std::string::npos) {
    reading->findings->Add(
        place, Concat(where, "expected dataset.table, found ", schema::QuoteForMessage(target)));
    return;
  }
  function->dataset = target.substr(0, dot);
  function->table = target.substr(dot + 1);
  auto feeder = feeders->find(target);
  if (feeder == feeders->end()) {
    std::vector<std::string> known;
    for (const auto& [name, unused] : *feeders) known.push_back(name);
    reading->findings->Add(
        place, Concat(where, "there is no table ", schema::QuoteForMessage(target), " in datasets",
                      Suggestion(target, known)));
    return;
  }
  if (!feeder->second.empty()) {
    reading->findings->Add(place, Concat(where, target, " is fed by function ", feeder->second,
                                         " already; a table has one function"));
  }
  feeder->second = function->name;
}

void ReadRetryPolicy(const YamlNode& node, Function* function, Reading* reading) {
  const YamlNode* policy = node.Find("retry_policy");
  if (policy == nullptr) return;
  RetryPolicy* retry = &function->retry_policy;
  constexpr std::chrono::milliseconds kMost{600'000};
  std::string where = Concat("functions.", function->name, ".retry_policy");
  for (auto [key, backoff] : {std::pair{"minimum_backoff", &retry->minimum_backoff},
                              std::pair{"maximum_backoff", &retry->maximum_backoff}}) {
    auto duration = ParseDuration(TextOf(*policy, key));
    if (!duration.has_value()) continue;
    *backoff = *duration;
    if (*duration > kMost) {
      reading->findings->Add(PlaceOf(*policy, key),
                             Concat(where, ".", key, ": expected 600s at most"));
    }
  }
  if (retry->minimum_backoff > retry->maximum_backoff) {
    reading->findings->Add(policy->place,
                           Concat(where, ": minimum_backoff is above maximum_backoff (",
                                  retry->maximum_backoff.count(), " ms)"));
  }
}

void ReadDeadLetterPolicy(const YamlNode& node, Function* function, Reading* reading) {
  const YamlNode* policy = node.Find("dead_letter_policy");
  if (policy == nullptr) return;
  function->dead_letter_policy.topic = TextOf(*policy, "topic");
  function->dead_letter_policy.max_delivery_attempts =
      IntegerOf(*policy, "max_delivery_attempts", 5);
  CheckTopicExists(function->dead_letter_policy.topic, PlaceOf(*policy, "topic"), *reading);
  if (!function->topic.empty() && function->dead_letter_policy.topic == function->topic) {
    reading->findings->Add(PlaceOf(*policy, "topic"),
                           Concat("functions.", function->name,
                                  ".dead_letter_policy.topic: the function reads this topic, so "
                                  "its dead letters would come back to it"));
  }
}

// A function keeps its state through one change of its name.
void ReadPreviousName(const YamlNode& node, const YamlNode& functions, Function* function,
                      Reading* reading) {
  function->previous_name = TextOf(node, "previous_name");
  if (function->previous_name.empty()) return;
  const std::string where = Concat("functions.", function->name, ".previous_name: ");
  const Place place = PlaceOf(node, "previous_name");
  if (functions.Find(function->previous_name) != nullptr) {
    reading->findings->Add(
        place, Concat(where, "there is a function ",
                      schema::QuoteForMessage(function->previous_name), " in functions"));
  }
  for (const Function& other : reading->spec->functions) {
    if (other.previous_name != function->previous_name) continue;
    reading->findings->Add(place, Concat(where, "function ", other.name, " was called so too"));
  }
}

}  // namespace

void ReadFunctions(const YamlNode& functions, Reading* reading) {
  Feeders feeders = AllTables(*reading->spec);
  for (const YamlEntry& entry : functions.entries) {
    const YamlNode& node = entry.value;
    // What else stands there was true of it once, and need not be any more.
    if (IsTrue(node, "removed")) {
      reading->spec->removed_functions.push_back(entry.key.text);
      continue;
    }
    Function function;
    function.name = entry.key.text;
    if (node.Find("topic") == nullptr) {
      reading->findings->Add(node.place, Concat("functions.", function.name, ".topic is missing"));
    }
    ReadPreviousName(node, functions, &function, reading);
    function.topic = TextOf(node, "topic");
    CheckTopicExists(function.topic, PlaceOf(node, "topic"), *reading);
    function.filter = ReadFilter(node, reading);
    ReadTransform(node, &function, reading);
    ReadTarget(node, &function, &feeders, reading);
    if (TextOf(node, "unknown_fields") == "ignore") {
      function.unknown_fields = event::UnknownFields::kIgnore;
    }
    ReadRetryPolicy(node, &function, reading);
    ReadDeadLetterPolicy(node, &function, reading);
    function.enable_message_ordering = IsTrue(node, "enable_message_ordering");
    if (TextOf(node, "start") == "latest") function.start = Start::kLatest;
    reading->spec->functions.push_back(std::move(function));
  }
}

}  // namespace afluente::spec
