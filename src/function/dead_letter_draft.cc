#include "function/dead_letter_draft.h"

#include <vector>

#include "absl/strings/str_split.h"
#include "event/dead_letter.h"

namespace afluente::function {

event::Draft DeadLetterDraft(const event::Message& message, const std::string& topic,
                             const std::string& function, int64_t attempts) {
  const std::vector<std::string> parts = absl::StrSplit(topic, '/');  // projects/P/topics/T
  event::Draft draft =
      event::DeadLetterDraft(message, parts.size() > 1 ? parts[1] : "", function, attempts);
  // What a schema left there is the broker's to set, and no publisher's.
  std::erase_if(draft.attributes,
                [](const auto& each) { return each.first.starts_with("googclient_schema"); });
  return draft;
}

}  // namespace afluente::function
