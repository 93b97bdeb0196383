#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/instance.h"

namespace CLI {
class App;
}

namespace afluente::cli {

struct DeadLetterOptions {
  std::string function;
  std::vector<std::string> ids;
  std::string state = "dead";
  std::string error;  // a part of its text
  bool all = false;
  std::string data_file;  // retry: instead of the message's own data
  bool json = false;
};
int RunDeadLettersList(const InstanceLocation& location, const DeadLetterOptions& options);
int RunDeadLettersShow(const InstanceLocation& location, const DeadLetterOptions& options);
int RunDeadLettersRetry(const InstanceLocation& location, const DeadLetterOptions& options);
// Prints a JSON line a dead letter and marks them as exported.
int RunDeadLettersExport(const InstanceLocation& location, const DeadLetterOptions& options);

struct ReplayOptions {
  std::string function;
  std::string from;  // a sequence or a time
  std::string dead_letter;
  std::string into;
  std::string transform_file;  // dry run: .sql or .js in the place of the function's own
  uint64_t limit = 100;        // dry run: messages
  bool dry_run = false;
  bool no_wait = false;
  bool json = false;
};
int RunReplay(const InstanceLocation& location, const ReplayOptions& options);

struct BackfillOptions {
  std::string function;
  std::vector<std::string> files;  // NDJSON or CSV
  bool json = false;
};
int RunBackfill(const InstanceLocation& location, const BackfillOptions& options);

// Adds dead-letters, replay and backfill. `run` is set to what the given command does;
// `add_location` adds the options that find the instance. All arguments outlive the parsing.
void AddFunctionCommands(CLI::App& app, InstanceLocation& location, std::function<int()>& run,
                         const std::function<void(CLI::App*)>& add_location);

}  // namespace afluente::cli
