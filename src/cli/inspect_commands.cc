#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/query_text.h"
#include "console/peek.h"
#include "host/check.h"
#include "http/client.h"

namespace afluente::cli {
namespace {

// How soon `tail` shows what was published.
constexpr std::chrono::milliseconds kTailEvery{200};

// One answer of the instance, printed; the sequence to go on after.
absl::StatusOr<uint64_t> PrintPage(const Instance& instance, const PeekOptions& options,
                                   uint64_t limit, uint64_t& printed) {
  std::string path = absl::StrCat("/v1/peek?topic=", QueryText(options.topic),
                                  "&limit=", std::min(limit, console::PeekOptions::kLimitMax));
  if (options.after) absl::StrAppend(&path, "&after=", *options.after);
  if (!options.since.empty()) absl::StrAppend(&path, "&since=", QueryText(options.since));
  if (!options.filter.empty()) absl::StrAppend(&path, "&filter=", QueryText(options.filter));
  http::Headers headers;
  if (!instance.token.empty()) headers.Add("Authorization", "Bearer " + instance.token);
  AFLUENTE_ASSIGN_OR_RETURN(const http::Response response,
                            http::Fetch("GET", instance.admin + path, "", headers));
  AFLUENTE_RETURN_IF_ERROR(ProblemOf(response));
  std::fwrite(response.body.data(), 1, response.body.size(), stdout);
  std::fflush(stdout);
  printed += static_cast<uint64_t>(std::count(response.body.begin(), response.body.end(), '\n'));
  uint64_t last = 0;
  const std::string* header = response.headers.Find(console::kLastSequenceHeader);
  if (header == nullptr || !absl::SimpleAtoi(*header, &last))
    return absl::UnavailableError("the instance's answer has no last sequence");
  return last;
}

}  // namespace

int RunPeek(const InstanceLocation& location, const PeekOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  PeekOptions page = options;
  uint64_t printed = 0;
  while (printed < options.limit) {
    const auto last = PrintPage(*instance, page, options.limit - printed, printed);
    if (!last.ok()) return Fail(last.status());
    if (page.after == *last) break;
    page.after = *last;
    page.since.clear();
  }
  return 0;
}

int RunTail(const InstanceLocation& location, const PeekOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  PeekOptions page = options;
  uint64_t printed = 0;
  if (!page.after && page.since.empty()) {
    // Nothing was published in the year 9999: says where the end is.
    page.since = "9999-01-01T00:00:00Z";
  }
  while (options.limit == 0 || printed < options.limit) {
    const uint64_t left =
        options.limit == 0 ? console::PeekOptions::kLimitMax : options.limit - printed;
    const auto last = PrintPage(*instance, page, left, printed);
    if (!last.ok()) return Fail(last.status());
    if (page.after == *last) std::this_thread::sleep_for(kTailEvery);
    page.after = *last;
    page.since.clear();
  }
  return 0;
}

int RunTestingClock(const InstanceLocation& location, const std::string& advance) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const std::string body = advance.empty() ? "" : nlohmann::json{{"advance", advance}}.dump();
  const auto answer = AskAdmin(*instance, body.empty() ? "GET" : "POST", "/v1/testing/clock", body);
  if (!answer.ok()) return Fail(answer.status());
  std::printf("%s\n", answer->value("now", "").c_str());
  return 0;
}

int RunTestingFaults(const InstanceLocation& location, const std::string& method,
                     const std::string& name, const std::string& body) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  const std::string path =
      name.empty() ? "/v1/testing/faults" : "/v1/testing/faults/" + QueryText(name);
  const auto answer = AskAdmin(*instance, method, path, body);
  if (!answer.ok()) return Fail(answer.status());
  std::printf("%s\n", answer->dump().c_str());
  return 0;
}

}  // namespace afluente::cli
