#include "function/sql_transform.h"

#include <utility>

namespace afluente::function {

std::vector<Decision> SqlTransform::Run(std::vector<Attempt> attempts) {
  std::vector<Decision> decisions;
  decisions.reserve(attempts.size());
  for (Attempt& attempt : attempts) decisions.push_back({std::move(attempt), Outcome::Dropped()});
  RunRange(decisions, 0, decisions.size());
  return decisions;
}

void SqlTransform::RunRange(std::vector<Decision>& decisions, size_t begin, size_t end) {
  if (begin == end) return;
  std::vector<const event::Message*> part;
  std::vector<int64_t> attempts;
  for (size_t i = begin; i < end; ++i) {
    part.push_back(decisions[i].attempt.message.get());
    attempts.push_back(decisions[i].attempt.number);
  }
  auto rows = statement_->Run(part, attempts);
  if (rows.ok()) {
    for (warehouse::TransformedRow& row : *rows) {
      Outcome& outcome = decisions[begin + row.message_index].outcome;
      outcome.kind = Outcome::Kind::kRows;
      outcome.rows.push_back(std::move(row.values));
    }
    return;
  }
  if (end - begin == 1) {
    decisions[begin].outcome = Outcome::Failed(std::string(rows.status().message()));
    return;
  }
  const size_t middle = begin + (end - begin) / 2;
  RunRange(decisions, begin, middle);
  RunRange(decisions, middle, end);
}

}  // namespace afluente::function
