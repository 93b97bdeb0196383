#include "cli/function_commands.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/progress.h"
#include "cli/query_text.h"
#include "cli/table_printer.h"
#include "host/check.h"

namespace afluente::cli {
namespace {

using Json = nlohmann::json;

constexpr size_t kPage = 500;

std::string Text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string PathOf(const std::string& function, const std::string& rest) {
  return absl::StrCat("/v1/functions/", QueryText(function), rest);
}

absl::StatusOr<std::string> ReadWhole(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) return absl::InvalidArgumentError(file + ": cannot be read");
  return text;
}

// Hands over page by page what matches; ends with the first error.
template <typename Visit>
absl::Status EachPage(const Instance& instance, const DeadLetterOptions& options,
                      const std::string& state, Visit visit) {
  std::string after;
  while (true) {
    const std::string path =
        PathOf(options.function,
               absl::StrCat("/dead-letters?limit=", kPage, "&state=", QueryText(state),
                            "&error=", QueryText(options.error), "&after=", QueryText(after)));
    AFLUENTE_ASSIGN_OR_RETURN(const Json page, AskAdmin(instance, "GET", path));
    AFLUENTE_RETURN_IF_ERROR(visit(page.at("dead_letters")));
    if (page.at("next").is_null()) return absl::OkStatus();
    after = page.at("next").get<std::string>();
  }
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Retries a page; adds how many went where.
absl::Status RetryPage(const Instance& instance, const std::string& function, const Json& messages,
                       Json& outcomes) {
  if (messages.empty()) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(const Json answer,
                            AskAdmin(instance, "POST", PathOf(function, "/dead-letters/retry"),
                                     Dump({{"messages", messages}})));
  for (const Json& each : answer.at("outcomes")) outcomes.push_back(each);
  return absl::OkStatus();
}

absl::StatusOr<Json> Retry(const Instance& instance, const DeadLetterOptions& options) {
  Json outcomes = Json::array();
  if (options.all) {
    // What is dead again comes later in no page of those that were dead before.
    Json ids = Json::array();
    AFLUENTE_RETURN_IF_ERROR(EachPage(instance, options, "dead", [&](const Json& letters) {
      for (const Json& letter : letters) ids.push_back({{"id", letter.at("message_id")}});
      return absl::OkStatus();
    }));
    for (size_t at = 0; at < ids.size(); at += kPage) {
      const auto end = std::min(ids.size(), at + kPage);
      AFLUENTE_RETURN_IF_ERROR(RetryPage(instance, options.function,
                                         Json(ids.begin() + at, ids.begin() + end), outcomes));
    }
    return outcomes;
  }
  if (options.ids.empty()) return absl::InvalidArgumentError("give ids, or --all");
  Json messages = Json::array();
  for (const std::string& id : options.ids) messages.push_back({{"id", id}});
  if (!options.data_file.empty()) {
    if (messages.size() != 1) return absl::InvalidArgumentError("--data is for one message");
    AFLUENTE_ASSIGN_OR_RETURN(const std::string data, ReadWhole(options.data_file));
    messages[0]["data"] = absl::Base64Escape(data);
  }
  AFLUENTE_RETURN_IF_ERROR(RetryPage(instance, options.function, messages, outcomes));
  return outcomes;
}

int PrintOutcomes(const Json& outcomes, bool json) {
  bool dead = false;
  for (const Json& each : outcomes) dead = dead || each.at("outcome") == "dead";
  if (json) {
    std::printf("%s\n", Dump({{"outcomes", outcomes}}).c_str());
    return dead ? 1 : 0;
  }
  TablePrinter table({"message", "outcome", "rows", "error"});
  for (const Json& each : outcomes)
    table.Add({Text(each["id"]), Text(each["outcome"]), Text(each["rows"]), Text(each["error"])});
  table.Print();
  return dead ? 1 : 0;
}

absl::StatusOr<Json> StateOf(const Instance& instance, const std::string& function) {
  AFLUENTE_ASSIGN_OR_RETURN(const Json all, AskAdmin(instance, "GET", "/v1/functions"));
  for (const Json& each : all.at("functions")) {
    if (each.at("name") == function) return each;
  }
  return absl::NotFoundError("there is no function " + function);
}

// Until it is done; a replay goes on when this command ends.
absl::StatusOr<Json> AwaitReplay(const Instance& instance, const std::string& function,
                                 Json state) {
  const uint64_t begin = state.at("replay").at("next").get<uint64_t>();
  const uint64_t end = state.at("replay").at("end").get<uint64_t>();
  Progress progress("replaying " + function, end + 1 - std::min(begin, end + 1));
  while (state.at("replay").at("running").get<bool>()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    AFLUENTE_ASSIGN_OR_RETURN(state, StateOf(instance, function));
    const Json& replay = state.at("replay");
    progress.Update(replay.at("next").get<uint64_t>() - begin,
                    replay.at("messages").get<uint64_t>(), "messages");
  }
  progress.Finish(state.at("replay").at("messages").get<uint64_t>(), "messages");
  const std::string error = Text(state.at("replay").at("error"));
  if (!error.empty()) return absl::UnavailableError(error);
  return state.at("replay");
}

absl::StatusOr<Json> DryRun(const Instance& instance, const ReplayOptions& options) {
  Json body = {{"limit", options.limit}};
  if (!options.from.empty()) body["from"] = options.from;
  if (!options.transform_file.empty()) {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string code, ReadWhole(options.transform_file));
    body[absl::EndsWith(options.transform_file, ".js") ? "javascript" : "sql"] = code;
  }
  return AskAdmin(instance, "POST", PathOf(options.function, "/dry-run"), Dump(body));
}

int PrintDryRun(const Json& answer, bool json) {
  if (json) {
    std::printf("%s\n", Dump(answer).c_str());
    return 0;
  }
  for (const Json& message : answer.at("messages")) {
    if (!message.at("changed").get<bool>()) continue;
    std::printf("message %s: %s %s\n", Text(message["message_id"]).c_str(),
                Text(message["outcome"]).c_str(), Text(message["error"]).c_str());
    for (const Json& row : message.at("stored")) std::printf("- %s\n", Dump(row).c_str());
    for (const Json& row : message.at("rows")) std::printf("+ %s\n", Dump(row).c_str());
  }
  std::printf("%s of %zu messages change\n", Text(answer.at("changed")).c_str(),
              answer.at("messages").size());
  return 0;
}

}  // namespace

int RunDeadLettersList(const InstanceLocation& location, const DeadLetterOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  Json all = Json::array();
  const auto status = EachPage(*instance, options, options.state, [&](const Json& letters) {
    for (const Json& letter : letters) all.push_back(letter);
    return absl::OkStatus();
  });
  if (!status.ok()) return Fail(status);
  if (options.json) {
    std::printf("%s\n", Dump({{"dead_letters", all}}).c_str());
    return 0;
  }
  TablePrinter table({"message", "failed at", "attempts", "state", "error"});
  for (const Json& each : all) {
    table.Add({Text(each["message_id"]), Text(each["failed_at"]), Text(each["attempts"]),
               Text(each["state"]), Text(each["error"])});
  }
  table.Print();
  return 0;
}

int RunDeadLettersShow(const InstanceLocation& location, const DeadLetterOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const auto page = AskAdmin(
      *instance, "GET",
      PathOf(options.function, "/dead-letters?state=any&id=" + QueryText(options.ids.front())));
  if (!page.ok()) return Fail(page.status());
  if (page->at("dead_letters").empty()) {
    return Fail(absl::NotFoundError("message " + options.ids.front() +
                                    " is no dead letter of function " + options.function));
  }
  // A message that failed again after a retry has several; the last is what holds.
  const Json& letter = page->at("dead_letters").back();
  if (options.json) {
    std::printf("%s\n", Dump(letter).c_str());
    return 0;
  }
  for (const auto& [name, value] : letter.items()) {
    std::string text = Text(value);
    if (name == "data") absl::Base64Unescape(std::string(text), &text);
    std::printf("%s: %s\n", name.c_str(), text.c_str());
  }
  return 0;
}

int RunDeadLettersRetry(const InstanceLocation& location, const DeadLetterOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const auto outcomes = Retry(*instance, options);
  if (!outcomes.ok()) return Fail(outcomes.status());
  return PrintOutcomes(*outcomes, options.json);
}

int RunDeadLettersExport(const InstanceLocation& location, const DeadLetterOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  std::vector<Json> pages;
  auto status = EachPage(*instance, options, "dead", [&](const Json& letters) -> absl::Status {
    Json ids = Json::array();
    for (const Json& letter : letters) {
      std::printf("%s\n", Dump(letter).c_str());
      ids.push_back(letter.at("message_id"));
    }
    pages.push_back(std::move(ids));
    return absl::OkStatus();
  });
  // Only what has been written counts as exported.
  if (status.ok() && std::fflush(stdout) != 0)
    status = absl::UnavailableError("standard output cannot be written");
  for (size_t i = 0; status.ok() && i < pages.size(); ++i) {
    if (pages[i].empty()) continue;
    status = AskAdmin(*instance, "POST", PathOf(options.function, "/dead-letters/export"),
                      Dump({{"ids", pages[i]}}))
                 .status();
  }
  return status.ok() ? 0 : Fail(status);
}

int RunReplay(const InstanceLocation& location, const ReplayOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  if (!options.dead_letter.empty()) {
    DeadLetterOptions letter;
    letter.function = options.function;
    letter.ids = {options.dead_letter};
    const auto outcomes = Retry(*instance, letter);
    if (!outcomes.ok()) return Fail(outcomes.status());
    return PrintOutcomes(*outcomes, options.json);
  }
  if (options.dry_run) {
    const auto answer = DryRun(*instance, options);
    return answer.ok() ? PrintDryRun(*answer, options.json) : Fail(answer.status());
  }
  if (options.from.empty())
    return Fail(absl::InvalidArgumentError("replay needs --from or --dead-letter"));
  const auto started = AskAdmin(*instance, "POST", PathOf(options.function, "/replay"),
                                Dump({{"from", options.from}, {"into", options.into}}));
  if (!started.ok()) return Fail(started.status());
  absl::StatusOr<Json> replay = started->at("replay");
  if (!options.no_wait) replay = AwaitReplay(*instance, options.function, *started);
  if (!replay.ok()) return Fail(replay.status());
  if (options.json) std::printf("%s\n", Dump(*replay).c_str());
  return 0;
}

}  // namespace afluente::cli
