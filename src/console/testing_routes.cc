#include "console/testing_routes.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "console/worker_answer.h"
#include "host/check.h"
#include "schema/format_value.h"

namespace afluente::console {
namespace {

using broker::faults::Fault;
using broker::faults::FaultKind;

// A journal's times must stay within four digits of a year.
constexpr std::chrono::hours kAdvanceMax{24 * 366 * 100};
constexpr size_t kNameMax = 64;

constexpr std::pair<const char*, FaultKind> kKinds[] = {{"delay", FaultKind::kDelay},
                                                        {"duplicate", FaultKind::kDuplicate},
                                                        {"nack", FaultKind::kNack},
                                                        {"unavailable", FaultKind::kUnavailable}};

absl::StatusOr<nlohmann::json> ParseObject(const std::string& body) {
  auto json = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("$: expected a JSON object");
  return json;
}

absl::Status WrongField(const std::string& name, std::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("$.", name, ": ", std::string(expected)));
}

absl::StatusOr<std::chrono::microseconds> ReadDuration(const std::string& name,
                                                       const nlohmann::json& value) {
  absl::Duration duration;
  if (!value.is_string() || !absl::ParseDuration(value.get<std::string>(), &duration) ||
      duration <= absl::ZeroDuration() || duration > absl::FromChrono(kAdvanceMax)) {
    return WrongField(name, "expected a duration above 0 such as 1h30m, 10s or 250ms");
  }
  return absl::ToChronoMicroseconds(duration);
}

absl::StatusOr<std::string> ReadName(const std::string& kind, const nlohmann::json& value,
                                     const std::string& project) {
  if (!value.is_string()) return WrongField(kind, "expected a name");
  const std::string name = value.get<std::string>();
  if (absl::StartsWith(name, "projects/")) return name;
  return absl::StrCat("projects/", project, "/", kind, "s/", name);
}

absl::Status ReadField(const std::string& name, const nlohmann::json& value,
                       const std::string& project, Fault& fault) {
  if (name == "topic") {
    AFLUENTE_ASSIGN_OR_RETURN(fault.topic, ReadName(name, value, project));
  } else if (name == "subscription") {
    AFLUENTE_ASSIGN_OR_RETURN(fault.subscription, ReadName(name, value, project));
  } else if (name == "probability") {
    if (!value.is_number()) return WrongField(name, "expected a number");
    fault.probability = value.get<double>();
  } else if (name == "count") {
    if (!value.is_number_unsigned()) return WrongField(name, "expected a whole number");
    fault.count = value.get<uint64_t>();
  } else if (name == "delay") {
    AFLUENTE_ASSIGN_OR_RETURN(const auto delay, ReadDuration(name, value));
    fault.delay = std::chrono::ceil<std::chrono::milliseconds>(delay);
  } else if (name == "kind") {
    const auto* const found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                           [&](const auto& each) { return value == each.first; });
    if (found == std::end(kKinds))
      return WrongField(name, "expected delay, duplicate, nack or unavailable");
    fault.kind = found->second;
  } else {
    return WrongField(name, "unknown field");
  }
  return absl::OkStatus();
}

absl::StatusOr<Fault> ReadFault(const std::string& body, const std::string& project) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto json, ParseObject(body));
  if (!json.contains("kind")) return WrongField("kind", "missing");
  Fault fault;
  for (const auto& [name, value] : json.items())
    AFLUENTE_RETURN_IF_ERROR(ReadField(name, value, project, fault));
  return fault;
}

nlohmann::json ToJson(const std::string& name, const Fault& fault) {
  nlohmann::json json = {
      {"name", name}, {"probability", fault.probability}, {"struck", fault.struck}};
  (fault.topic.empty() ? json["subscription"] : json["topic"]) = fault.topic + fault.subscription;
  for (const auto& [text, kind] : kKinds) {
    if (kind == fault.kind) json["kind"] = text;
  }
  if (fault.count) json["count"] = *fault.count;
  if (fault.delay.count() > 0) json["delay"] = absl::StrCat(fault.delay.count(), "ms");
  return json;
}

absl::StatusOr<std::string> PutFault(broker::faults::Faults& faults, const std::string& name,
                                     const std::string& body, const std::string& project) {
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_';
  });
  if (!plain || name.size() > kNameMax) {
    return absl::InvalidArgumentError(
        "a fault's name has 1 to 64 of the characters A-Z a-z 0-9 - _");
  }
  AFLUENTE_ASSIGN_OR_RETURN(Fault fault, ReadFault(body, project));
  AFLUENTE_RETURN_IF_ERROR(faults.Put(name, fault));
  return ToJson(name, fault).dump();
}

std::string ListFaults(const broker::faults::Faults& faults) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, fault] : faults.List()) list.push_back(ToJson(name, fault));
  return nlohmann::json{{"faults", list}}.dump();
}

std::string ClockJson(const host::Clock& clock) {
  const auto now = schema::FormatRfc3339(clock.Now().time_since_epoch().count());
  return nlohmann::json{{"now", now}}.dump();
}

absl::StatusOr<std::string> AdvanceClock(const TestingPorts& ports, const std::string& body) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto json, ParseObject(body));
  if (!json.contains("advance") || json.size() != 1)
    return WrongField("advance", "expected this field alone");
  AFLUENTE_ASSIGN_OR_RETURN(const auto by, ReadDuration("advance", json["advance"]));
  if (ports.clock.Now() + by >=
      host::WallTime(std::chrono::sys_days(std::chrono::year(9000) / std::chrono::January / 1)))
    return WrongField("advance", "the clock would leave the years that times may have");
  ports.advance(by);
  return ClockJson(ports.clock);
}

void AnswerWith(http::Responder& respond, const absl::StatusOr<std::string>& json) {
  respond(json.ok() ? http::Response::Json(200, *json) : http::Problem(json.status()));
}

}  // namespace

void AddTestingRoutes(http::Router& router, const TestingPorts& ports, host::WorkerPool& workers,
                      const std::string& project) {
  const auto add = [&router](const char* method, const char* path, http::RouteHandler handler) {
    AFLUENTE_CHECK(router.Add(method, path, std::move(handler)).ok());
  };
  add("GET", "/v1/testing/clock", [ports](auto, auto, http::Responder respond) {
    AnswerWith(respond, ClockJson(ports.clock));
  });
  add("POST", "/v1/testing/clock",
      [ports, &workers](http::Request request, auto, http::Responder respond) {
        AnswerFromWorker(workers, std::move(respond), [ports, body = std::move(request.body)] {
          return AdvanceClock(ports, body);
        });
      });
  add("GET", "/v1/testing/faults", [ports](auto, auto, http::Responder respond) {
    AnswerWith(respond, ListFaults(ports.faults));
  });
  add("PUT", "/v1/testing/faults/{name}",
      [ports, project](http::Request request, http::PathParameters path, http::Responder respond) {
        AnswerWith(respond, PutFault(ports.faults, path["name"], request.body, project));
      });
  add("DELETE", "/v1/testing/faults/{name}",
      [ports](auto, http::PathParameters path, http::Responder respond) {
        if (ports.faults.Remove(path["name"])) return AnswerWith(respond, std::string("{}"));
        AnswerWith(respond, absl::NotFoundError("there is no fault " + path["name"]));
      });
}

}  // namespace afluente::console
