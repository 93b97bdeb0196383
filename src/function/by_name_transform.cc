#include "function/by_name_transform.h"

#include <utility>

namespace afluente::function {

std::vector<Outcome> ByNameTransform::Run(const std::vector<const event::Message*>& messages) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(messages.size());
  for (const event::Message* message : messages) {
    auto row = decoder_.Decode(message->data);
    if (!row.ok()) {
      outcomes.push_back(Outcome::Failed(std::string(row.status().message())));
      continue;
    }
    std::vector<std::vector<schema::Value>> rows;
    rows.push_back(*std::move(row));
    outcomes.push_back(Outcome::Rows(std::move(rows)));
  }
  return outcomes;
}

}  // namespace afluente::function
