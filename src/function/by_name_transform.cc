#include "function/by_name_transform.h"

#include <utility>

namespace afluente::function {

std::vector<Decision> ByNameTransform::Run(std::vector<Attempt> attempts) {
  std::vector<Decision> decisions;
  decisions.reserve(attempts.size());
  for (Attempt& attempt : attempts) {
    auto row = decoder_.Decode(attempt.message->data);
    if (!row.ok()) {
      decisions.push_back(
          {std::move(attempt), Outcome::Failed(std::string(row.status().message()))});
      continue;
    }
    std::vector<std::vector<schema::Value>> rows;
    rows.push_back(*std::move(row));
    decisions.push_back({std::move(attempt), Outcome::Rows(std::move(rows))});
  }
  return decisions;
}

}  // namespace afluente::function
