#pragma once

#include <string>
#include <vector>

#include "function/settings.h"
#include "function/transform.h"
#include "warehouse/warehouse.h"

namespace afluente::host {
class Clock;
}

namespace afluente::function {

// Collects what was decided of a function's messages into one commit. One thread, one commit.
class CommitDraft {
 public:
  CommitDraft(const Settings& settings, const host::Clock& clock);

  // Takes a final decision's rows; an outcome that failed becomes a dead letter.
  void Add(Decision& decision);
  // The same for a message that was decided before: its old outcome goes in the same commit.
  void Replace(Decision& decision);

  bool empty() const { return counted_ == 0; }
  warehouse::FunctionCommit& commit() { return commit_; }
  // Puts the rows back into the decisions, which were added in this order.
  void GiveBack(std::vector<Decision>& decisions);

 private:
  void AddDeadLetter(const Decision& decision);

  const Settings& settings_;
  const host::Clock& clock_;
  warehouse::FunctionCommit commit_;
  size_t counted_ = 0;
  std::string outbox_suffix_;
};

// A commit of the function that decides nothing yet.
warehouse::FunctionCommit EmptyCommit(const Settings& settings);

}  // namespace afluente::function
