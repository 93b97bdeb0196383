#include "function/http_transform.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace afluente::function {
namespace {

constexpr size_t kShownBytes = 200;  // of an answer that is an error

std::string Shown(std::string_view body) {
  std::string shown(body.substr(0, kShownBytes));
  if (body.size() > kShownBytes) shown += "...";
  return shown;
}

}  // namespace

struct HttpTransform::Answers {
  absl::Mutex mutex;
  std::vector<std::pair<Attempt, absl::StatusOr<http::Response>>> come ABSL_GUARDED_BY(mutex);
  // Not taken by Run yet.
  size_t under_way ABSL_GUARDED_BY(mutex) = 0;
  std::function<void()> decided ABSL_GUARDED_BY(mutex);
};

HttpTransform::HttpTransform(HttpTransformOptions options, http::ConnectionPool& pool,
                             JsonRows rows)
    : options_(std::move(options)),
      pool_(pool),
      rows_(std::move(rows)),
      answers_(std::make_shared<Answers>()) {}

size_t HttpTransform::capacity() const {
  absl::MutexLock lock(&answers_->mutex);
  return options_.concurrency - std::min(options_.concurrency, answers_->under_way);
}

void HttpTransform::OnDecided(std::function<void()> decided) {
  absl::MutexLock lock(&answers_->mutex);
  answers_->decided = std::move(decided);
}

std::vector<Decision> HttpTransform::Run(std::vector<Attempt> attempts) {
  {
    absl::MutexLock lock(&answers_->mutex);
    answers_->under_way += attempts.size();
  }
  for (Attempt& attempt : attempts) {
    http::OutgoingRequest request = EventRequest(options_.target, attempt);
    pool_.Send(std::move(request), options_.timeout,
               [answers = answers_,
                attempt = std::move(attempt)](absl::StatusOr<http::Response> answer) mutable {
                 std::function<void()> decided;
                 {
                   absl::MutexLock lock(&answers->mutex);
                   answers->come.emplace_back(std::move(attempt), std::move(answer));
                   decided = answers->decided;
                 }
                 if (decided) decided();
               });
  }
  std::vector<std::pair<Attempt, absl::StatusOr<http::Response>>> come;
  {
    absl::MutexLock lock(&answers_->mutex);
    come.swap(answers_->come);
    answers_->under_way -= come.size();
  }
  std::vector<Decision> decisions;
  decisions.reserve(come.size());
  for (auto& [attempt, answer] : come) {
    Outcome outcome = Decide(answer);
    decisions.push_back({std::move(attempt), std::move(outcome)});
  }
  return decisions;
}

Outcome HttpTransform::Decide(const absl::StatusOr<http::Response>& answer) {
  if (!answer.ok()) return Outcome::AttemptFailed(std::string(answer.status().message()));
  const std::string& body = answer->body;
  if (answer->status < 200 || answer->status > 299) {
    return Outcome::AttemptFailed(
        absl::StrCat("the function answered ", answer->status, ": ", Shown(body)));
  }
  if (body.size() >= options_.response_bytes_max) {
    return Outcome::AttemptFailed(absl::StrCat("the function's answer has ",
                                               options_.response_bytes_max,
                                               " bytes or more, which is the limit"));
  }
  const size_t first = body.find_first_not_of(" \t\r\n");
  // Python's functions-framework answers so for every function of CloudEvents.
  if (first == std::string::npos || body == "OK") return Outcome::SelfStored();
  if (body[first] != '[') {
    return Outcome::AttemptFailed(
        absl::StrCat("expected an empty answer or a JSON array of rows, found ", Shown(body)));
  }
  if (!options_.takes_rows) {
    return Outcome::AttemptFailed(
        "the function answered with rows, but the specification gives it no table");
  }
  auto rows = rows_.Decode(body);
  if (!rows.ok()) {
    return Outcome::AttemptFailed(absl::StrCat("the function's answer: ", rows.status().message()));
  }
  return *std::move(rows);
}

}  // namespace afluente::function
