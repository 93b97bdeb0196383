#include "console/function_routes.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "console/worker_answer.h"
#include "function/function.h"
#include "function/operations.h"
#include "host/check.h"
#include "schema/civil_time.h"

namespace afluente::console {
namespace {

using Json = nlohmann::json;
using function::DeadLetters;
using function::Operations;

// A body's fields, each taken once; what is left over is unknown.
class Fields {
 public:
  static absl::StatusOr<Fields> Parse(const std::string& body) {
    Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return absl::InvalidArgumentError("$: expected a JSON object");
    return Fields(std::move(json));
  }
  // Null when the field is not there.
  Json Take(const std::string& name) {
    Json value;
    if (json_.contains(name)) value = std::move(json_[name]);
    json_.erase(name);
    return value;
  }
  absl::StatusOr<std::string> TakeText(const std::string& name) {
    const Json value = Take(name);
    if (value.is_null()) return std::string();
    if (value.is_string()) return value.get<std::string>();
    return absl::InvalidArgumentError(absl::StrCat("$.", name, ": expected a text"));
  }
  absl::Status CheckEmpty() const {
    if (json_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("$.", json_.begin().key(), ": unknown field"));
  }

 private:
  explicit Fields(Json json) : json_(std::move(json)) {}
  Json json_;
};

// Where to begin: a sequence or a time.
struct From {
  std::optional<uint64_t> sequence;
  std::optional<host::WallTime> time;
};

absl::StatusOr<From> ReadFrom(const Json& value) {
  From from;
  if (value.is_number_unsigned()) from.sequence = value.get<uint64_t>();
  if (value.is_string()) {
    uint64_t sequence = 0;
    const auto text = value.get<std::string>();
    if (absl::SimpleAtoi(text, &sequence)) {
      from.sequence = sequence;
    } else if (const auto micros = schema::ParseTimestamp(text)) {
      from.time = host::WallTime(std::chrono::microseconds(*micros));
    }
  }
  if (value.is_null() || from.time || from.sequence.value_or(0) > 0) return from;
  return absl::InvalidArgumentError("$.from: expected a sequence from 1 or a time (RFC 3339)");
}

Json Describe(const Operations& operations) {
  const function::Settings& settings = operations.function->settings();
  const function::Progress progress = operations.function->progress();
  Json json = {{"name", settings.name},
               {"topic", settings.topic},
               {"filter", settings.filter_text},
               {"table", settings.table.table.empty() ? Json() : Json(settings.table.ToString())},
               {"dead_letter_table", settings.dead_letter_table.ToString()},
               {"position", progress.position},
               {"unread", progress.unread},
               {"waiting", progress.waiting},
               {"last_error", progress.last_error}};
  const function::Replay::Progress replay = operations.replay->progress();
  json["replay"] = {{"running", replay.running},
                    {"next", replay.next},
                    {"end", replay.end},
                    {"messages", replay.messages},
                    {"error", replay.error}};
  return json;
}

absl::StatusOr<DeadLetters::Filter> ReadFilter(
    const std::vector<std::pair<std::string, std::string>>& query) {
  DeadLetters::Filter filter;
  for (const auto& [name, value] : query) {
    if (name == "state") {
      filter.state = value == "any" ? "" : value;
    } else if (name == "error") {
      filter.error = value;
    } else if (name == "id") {
      filter.id = value;
    } else if (name == "after") {
      filter.after = value;
    } else if (name == "limit") {
      if (!absl::SimpleAtoi(value, &filter.limit) || filter.limit == 0 ||
          filter.limit > DeadLetters::kPageMax) {
        return absl::InvalidArgumentError(
            absl::StrCat("limit: expected 1 to ", DeadLetters::kPageMax));
      }
    } else {
      return absl::InvalidArgumentError(absl::StrCat(name, ": unknown parameter"));
    }
  }
  return filter;
}

absl::StatusOr<std::string> Retry(const Operations& operations, const std::string& body) {
  AFLUENTE_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(body));
  const Json messages = fields.Take("messages");
  AFLUENTE_RETURN_IF_ERROR(fields.CheckEmpty());
  if (!messages.is_array()) return absl::InvalidArgumentError("$.messages: expected a list");
  std::vector<DeadLetters::Retry> retries;
  for (const Json& message : messages) {
    AFLUENTE_ASSIGN_OR_RETURN(Fields each, Fields::Parse(message.dump()));
    DeadLetters::Retry retry;
    AFLUENTE_ASSIGN_OR_RETURN(retry.id, each.TakeText("id"));
    const Json data = each.Take("data");
    AFLUENTE_RETURN_IF_ERROR(each.CheckEmpty());
    if (data.is_string()) {
      std::string decoded;
      if (!absl::Base64Unescape(data.get<std::string>(), &decoded))
        return absl::InvalidArgumentError("$.messages[].data: expected base64");
      retry.data = std::move(decoded);
    }
    retries.push_back(std::move(retry));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const auto retried, operations.dead_letters->Decide(retries));
  Json outcomes = Json::array();
  for (const DeadLetters::Retried& each : retried) {
    outcomes.push_back(
        {{"id", each.id}, {"outcome", each.outcome}, {"rows", each.rows}, {"error", each.error}});
  }
  return Json{{"outcomes", outcomes}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<std::string> Export(const Operations& operations, const std::string& body) {
  AFLUENTE_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(body));
  const Json ids = fields.Take("ids");
  AFLUENTE_RETURN_IF_ERROR(fields.CheckEmpty());
  std::vector<std::string> texts;
  if (!ids.is_array()) return absl::InvalidArgumentError("$.ids: expected a list");
  for (const Json& id : ids) {
    if (!id.is_string()) return absl::InvalidArgumentError("$.ids[]: expected a text");
    texts.push_back(id.get<std::string>());
  }
  AFLUENTE_ASSIGN_OR_RETURN(const int64_t exported, operations.dead_letters->MarkExported(texts));
  return Json{{"exported", exported}}.dump();
}

absl::StatusOr<std::string> Replay(const Operations& operations, const std::string& body,
                                   const std::string& project) {
  AFLUENTE_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(body));
  AFLUENTE_ASSIGN_OR_RETURN(const From from, ReadFrom(fields.Take("from")));
  AFLUENTE_ASSIGN_OR_RETURN(std::string into, fields.TakeText("into"));
  AFLUENTE_RETURN_IF_ERROR(fields.CheckEmpty());
  if (!into.empty() && std::count(into.begin(), into.end(), '.') == 1) {
    into = absl::StrCat(project, ".", into);
  }
  function::Replay::Request request;
  request.from_sequence = from.sequence;
  request.from_time = from.time;
  AFLUENTE_ASSIGN_OR_RETURN(request.into, function::ParseTableName(into));
  AFLUENTE_RETURN_IF_ERROR(operations.replay->Start(request));
  return Describe(operations).dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<std::string> RunDry(const Operations& operations, const std::string& body) {
  AFLUENTE_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(body));
  function::DryRun::Request request;
  AFLUENTE_ASSIGN_OR_RETURN(request.text.sql, fields.TakeText("sql"));
  AFLUENTE_ASSIGN_OR_RETURN(request.text.javascript, fields.TakeText("javascript"));
  AFLUENTE_ASSIGN_OR_RETURN(const From from, ReadFrom(fields.Take("from")));
  const Json limit = fields.Take("limit");
  AFLUENTE_RETURN_IF_ERROR(fields.CheckEmpty());
  if (!limit.is_null()) {
    if (!limit.is_number_unsigned() || limit.get<uint64_t>() == 0 ||
        limit.get<uint64_t>() > function::DryRun::kLimitMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("$.limit: expected 1 to ", function::DryRun::kLimitMax));
    }
    request.limit = limit.get<uint64_t>();
  }
  request.from_sequence = from.sequence;
  request.from_time = from.time;
  return operations.dry_run->Run(request);
}

absl::StatusOr<std::string> TakeBackfill(const Operations& operations,
                                         const http::Request& request) {
  function::Backfill::Part part;
  for (const auto& [name, value] : request.query) {
    if (name == "file") {
      part.file = value;
    } else if (name != "first" || !absl::SimpleAtoi(value, &part.first)) {
      return absl::InvalidArgumentError("the query: expected file and first, a number");
    }
  }
  if (request.body.empty())
    return Json{{"decided", operations.backfill->Decided(part.file)}}.dump();
  for (const absl::string_view line : absl::StrSplit(request.body, '\n')) {
    part.records.push_back({std::string(line), {}, {}});
  }
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t decided, operations.backfill->Take(std::move(part)));
  return Json{{"decided", decided}}.dump();
}

const Operations* Find(const std::vector<Operations>& all, const std::string& name) {
  for (const Operations& each : all) {
    if (each.function->settings().name == name) return &each;
  }
  return nullptr;
}

}  // namespace

void AddFunctionRoutes(http::Router& router, const std::vector<Operations>& operations,
                       host::WorkerPool& workers, const std::string& project) {
  AFLUENTE_CHECK(
      router
          .Add("GET", "/v1/functions",
               [&operations](http::Request, http::PathParameters, http::Responder respond) {
                 Json all = Json::array();
                 for (const Operations& each : operations) all.push_back(Describe(each));
                 respond(http::Response::Json(
                     200, Json{{"functions", all}}.dump(-1, ' ', false,
                                                        Json::error_handler_t::replace)));
               })
          .ok());
  using Answer =
      std::function<absl::StatusOr<std::string>(const Operations&, const http::Request&)>;
  const auto add = [&](const char* method, const char* path, Answer answer) {
    const auto handler = [&operations, &workers, answer = std::move(answer)](
                             http::Request request, http::PathParameters path_parameters,
                             http::Responder respond) {
      const Operations* found = Find(operations, path_parameters["name"]);
      if (found == nullptr) {
        return respond(http::Problem(
            absl::NotFoundError(absl::StrCat("there is no function ", path_parameters["name"]))));
      }
      AnswerFromWorker(workers, std::move(respond), [found, answer, request = std::move(request)] {
        return answer(*found, request);
      });
    };
    AFLUENTE_CHECK(router.Add(method, path, handler).ok());
  };
  add("GET", "/v1/functions/{name}/dead-letters",
      [](const Operations& of, const http::Request& request) -> absl::StatusOr<std::string> {
        AFLUENTE_ASSIGN_OR_RETURN(const auto filter, ReadFilter(request.query));
        return of.dead_letters->List(filter);
      });
  add("POST", "/v1/functions/{name}/dead-letters/retry",
      [](const Operations& of, const http::Request& request) { return Retry(of, request.body); });
  add("POST", "/v1/functions/{name}/dead-letters/export",
      [](const Operations& of, const http::Request& request) { return Export(of, request.body); });
  add("POST", "/v1/functions/{name}/replay",
      [project](const Operations& of, const http::Request& request) {
        return Replay(of, request.body, project);
      });
  add("POST", "/v1/functions/{name}/backfill",
      [](const Operations& of, const http::Request& request) { return TakeBackfill(of, request); });
  add("POST", "/v1/functions/{name}/dry-run",
      [](const Operations& of, const http::Request& request) { return RunDry(of, request.body); });
}

}  // namespace afluente::console
