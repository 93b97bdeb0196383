#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "console/part_routes.h"
#include "console/readings.h"
#include "console/rows.h"
#include "event/filter.h"
#include "host/check.h"
#include "schema/format_value.h"
#include "spec/spec.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"
#include "telemetry/trace_context.h"
#include "warehouse/catalog.h"

namespace afluente::console {
namespace {

using nlohmann::json;

constexpr size_t kSequenceDigits = 14;  // of a message id's end; see broker/batch.h
constexpr uint64_t kRowsShown = 20;

struct Found {
  std::string topic;
  std::shared_ptr<const event::Message> message;  // shared with the topic's memory
  uint64_t published = 0;                         // the topic's last sequence
};

// Message ids name their topic's incarnation: only that topic is read.
absl::StatusOr<Found> FindMessage(const std::string& id, const ConsolePorts& ports) {
  uint64_t sequence = 0;
  uint64_t incarnation = 0;
  const size_t split = id.size() - std::min(id.size(), kSequenceDigits);
  if (!absl::SimpleAtoi(id.substr(split), &sequence) ||
      !absl::SimpleAtoi(id.substr(0, split), &incarnation) || sequence == 0)
    return absl::InvalidArgumentError("id: no message id of this instance");
  for (const auto& topic : ports.broker.Stats().topics) {
    const auto reader = ports.broker.OpenReader(topic.name, std::nullopt);
    if (!reader.ok() || (*reader)->position_at(0).incarnation != incarnation) continue;
    Found found{topic.name, nullptr, (*reader)->last_sequence()};
    if (sequence > found.published || sequence < (*reader)->first_sequence()) return found;
    AFLUENTE_ASSIGN_OR_RETURN(auto batch, (*reader)->Read(sequence - 1, 1, 1));
    if (!batch.empty() && batch.front()->message_id == id) found.message = batch.front();
    return found;
  }
  return absl::NotFoundError(absl::StrCat(id, ": no topic here has given this id"));
}

std::optional<uint64_t> BacklogOf(const std::string& function, const ConsolePorts& ports) {
  for (const auto& [labels, backlog] : ports.metrics.Gauges(telemetry::kFunctionBacklog)) {
    if (labels == telemetry::Labels{{"function", function}}) return static_cast<uint64_t>(backlog);
  }
  return std::nullopt;
}

bool Matches(const spec::Function& function, const event::Message& message) {
  const auto filter = event::Filter::Parse(function.filter);
  return filter.ok() && filter->Matches(message.attributes);
}

// Whether a dead letter still stands: a retry that stored or dropped it has ended it.
bool IsDead(const json& letters) {
  return std::any_of(letters.begin(), letters.end(),
                     [](const json& letter) { return letter["state"] != "retried"; });
}

// What one function made of it: stored, dead_letter, pending, filtered, dropped, self_stored (a
// function without a table, which may have dropped it too), or unknown.
absl::StatusOr<json> OutcomeOf(const std::string& id, const Found& found,
                               const spec::Function& function, const ConsolePorts& ports) {
  json outcome = {{"function", function.name},
                  {"table", absl::StrCat(function.dataset, ".", function.table)},
                  {"rows", json::array()},
                  {"dead_letters", json::array()}};
  const auto backlog = BacklogOf(function.name, ports);
  const std::string letters = function.dataset + ".dead_letters";
  if (ports.catalog.FindTable({ports.spec.project, function.dataset, "dead_letters"})) {
    AFLUENTE_ASSIGN_OR_RETURN(
        outcome["dead_letters"],
        ReadRows(ports,
                 absl::StrCat("SELECT error, attempts, failed_at, state FROM `", letters,
                              "` WHERE message_id = @id AND function = @function"),
                 {TextParameter("id", id), TextParameter("function", function.name)}, kRowsShown));
  }
  if (ports.catalog.FindTable({ports.spec.project, function.dataset, function.table})) {
    AFLUENTE_ASSIGN_OR_RETURN(
        outcome["rows"],
        ReadRows(ports,
                 absl::StrCat("SELECT * FROM `", function.dataset, ".", function.table,
                              "` WHERE _message_id = @id ORDER BY _message_row"),
                 {TextParameter("id", id)}, kRowsShown));
  }
  if (!outcome["rows"].empty()) {
    outcome["outcome"] = "stored";
  } else if (IsDead(outcome["dead_letters"])) {
    outcome["outcome"] = "dead_letter";
  } else if (!outcome["dead_letters"].empty()) {
    outcome["outcome"] = function.table.empty() ? "self_stored" : "dropped";
  } else if (found.message == nullptr) {
    outcome["outcome"] = "unknown";
  } else if (!Matches(function, *found.message)) {
    outcome["outcome"] = "filtered";
  } else {
    const bool pending = backlog && found.message->sequence + *backlog > found.published;
    outcome["outcome"] = pending ? "pending" : function.table.empty() ? "self_stored" : "dropped";
  }
  return outcome;
}

absl::StatusOr<std::string> Follow(const std::string& id, const ConsolePorts& ports) {
  AFLUENTE_ASSIGN_OR_RETURN(const Found found, FindMessage(id, ports));
  json answer = {{"message_id", id},
                 {"topic", ShortName(found.topic, ports.spec.project)},
                 {"retained", found.message != nullptr},
                 {"outcomes", json::array()}};
  if (found.message != nullptr) {
    json attributes = json::object();
    for (const auto& [key, value] : found.message->attributes) attributes[key] = value;
    answer["publish_time"] =
        schema::FormatRfc3339(found.message->publish_time.time_since_epoch().count());
    answer["ordering_key"] = found.message->ordering_key;
    answer["attributes"] = std::move(attributes);
    const std::string* trace =
        event::FindAttribute(found.message->attributes, telemetry::kTraceAttribute);
    const auto context = trace == nullptr ? std::nullopt : telemetry::ParseTraceparent(*trace);
    if (context) answer["trace_id"] = context->trace_id;
    answer["data"] = absl::Base64Escape(found.message->data);
    answer["sequence"] = found.message->sequence;
  }
  for (const spec::Function& function : ports.spec.functions) {
    if (WholeName(function.topic, "topics", ports.spec.project) != found.topic) continue;
    AFLUENTE_ASSIGN_OR_RETURN(json outcome, OutcomeOf(id, found, function, ports));
    answer["outcomes"].push_back(std::move(outcome));
  }
  return Dump(answer);
}

}  // namespace

void AddMessageRoutes(Routes& routes) {
  routes.Get("/v1/message", [&ports = routes.ports()](const http::Request& request) {
    return Follow(QueryValue(request, "id").value_or(""), ports);
  });
}

}  // namespace afluente::console
