#include "function/javascript_transform.h"

#include <utility>

namespace afluente::function {

std::vector<Decision> JavascriptTransform::Run(std::vector<Attempt> attempts) {
  std::vector<Decision> decisions;
  decisions.reserve(attempts.size());
  for (Attempt& attempt : attempts) {
    Outcome outcome = Decide(attempt);
    decisions.push_back({std::move(attempt), std::move(outcome)});
  }
  return decisions;
}

Outcome JavascriptTransform::Decide(const Attempt& attempt) {
  const auto returned = function_->CallForJson(*attempt.message, attempt.number);
  if (!returned.ok()) return Outcome::AttemptFailed(std::string(returned.status().message()));
  if (!returned->has_value()) return Outcome::Dropped();
  auto rows = rows_.Decode(**returned);
  if (!rows.ok()) return Outcome::Failed(std::string(rows.status().message()));
  return *std::move(rows);
}

}  // namespace afluente::function
