#include "function/commit_draft.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "function/dead_letter_draft.h"
#include "host/clock.h"

namespace afluente::function {

warehouse::FunctionCommit EmptyCommit(const Settings& settings) {
  warehouse::FunctionCommit commit;
  commit.function = settings.name;
  commit.table = settings.table;
  commit.dead_letter_table = settings.dead_letter_table;
  return commit;
}

CommitDraft::CommitDraft(const Settings& settings, const host::Clock& clock)
    : settings_(settings), clock_(clock), commit_(EmptyCommit(settings)) {}

void CommitDraft::Add(Decision& decision) {
  ++counted_;
  switch (decision.outcome.kind) {
    case Outcome::Kind::kDropped:
      ++commit_.counters.dropped;
      return;
    case Outcome::Kind::kSelfStored:
      ++commit_.counters.self_stored;
      return;
    case Outcome::Kind::kFailed:
    case Outcome::Kind::kAttemptFailed:
      AddDeadLetter(decision);
      return;
    case Outcome::Kind::kRows:
      break;
  }
  ++commit_.counters.stored;
  commit_.counters.rows += decision.outcome.rows.size();
  int64_t row_number = 0;
  for (auto& values : decision.outcome.rows) {
    commit_.rows.push_back({decision.attempt.message->message_id, row_number++, std::move(values)});
  }
}

void CommitDraft::Replace(Decision& decision) {
  commit_.replaced.push_back(decision.attempt.message->message_id);
  // Another generation: its copy in the topic is a message of its own.
  outbox_suffix_ = absl::StrCat("/", clock_.Now().time_since_epoch().count());
  Add(decision);
  outbox_suffix_.clear();
}

void CommitDraft::AddDeadLetter(const Decision& decision) {
  const event::Message& message = *decision.attempt.message;
  const int64_t attempts = decision.attempt.number;
  ++commit_.counters.dead_lettered;
  if (!settings_.dead_letter_topic.empty()) {
    commit_.outbox.push_back({
        absl::StrCat(settings_.name, "/", message.message_id, outbox_suffix_),
        settings_.dead_letter_topic,
        DeadLetterDraft(message, settings_.topic, settings_.name, attempts),
    });
  }
  commit_.dead_letters.push_back(
      {message, settings_.topic, decision.outcome.error, attempts, clock_.Now()});
}

void CommitDraft::GiveBack(std::vector<Decision>& decisions) {
  auto row = commit_.rows.begin();
  for (Decision& decision : decisions) {
    for (auto& values : decision.outcome.rows) values = std::move((row++)->values);
  }
}

}  // namespace afluente::function
