#pragma once

#include <memory>

#include "function/backfill.h"
#include "function/dead_letters.h"
#include "function/dry_run.h"
#include "function/replay.h"

namespace afluente::function {

// What an operator does with one function. Owned by roles/, before the function itself goes.
struct Operations {
  Function* function = nullptr;
  std::unique_ptr<DeadLetters> dead_letters;
  std::unique_ptr<DryRun> dry_run;
  std::unique_ptr<Backfill> backfill;
  std::unique_ptr<Replay> replay;
};

}  // namespace afluente::function
