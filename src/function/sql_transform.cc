#include "function/sql_transform.h"

#include <utility>

namespace afluente::function {

std::vector<Outcome> SqlTransform::Run(const std::vector<const event::Message*>& messages) {
  std::vector<Outcome> outcomes(messages.size());
  RunRange(messages, 0, messages.size(), outcomes);
  return outcomes;
}

void SqlTransform::RunRange(const std::vector<const event::Message*>& messages, size_t begin,
                            size_t end, std::vector<Outcome>& outcomes) {
  if (begin == end) return;
  const std::vector<const event::Message*> part(messages.begin() + begin, messages.begin() + end);
  // Pure transforms fail the same way each time, so nothing is attempted twice.
  const std::vector<int64_t> attempts(part.size(), 1);
  auto rows = statement_->Run(part, attempts);
  if (rows.ok()) {
    for (warehouse::TransformedRow& row : *rows) {
      Outcome& outcome = outcomes[begin + row.message_index];
      outcome.kind = Outcome::Kind::kRows;
      outcome.rows.push_back(std::move(row.values));
    }
    return;
  }
  if (end - begin == 1) {
    outcomes[begin] = Outcome::Failed(std::string(rows.status().message()));
    return;
  }
  const size_t middle = begin + (end - begin) / 2;
  RunRange(messages, begin, middle, outcomes);
  RunRange(messages, middle, end, outcomes);
}

}  // namespace afluente::function
