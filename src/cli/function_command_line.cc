#include <CLI/CLI.hpp>
#include <memory>

#include "cli/function_commands.h"

namespace afluente::cli {
namespace {

using AddLocation = std::function<void(CLI::App*)>;

void AddDeadLetters(CLI::App& app, InstanceLocation& location, std::function<int()>& run,
                    const AddLocation& add_location) {
  // Shared with the callbacks, which live as long as the app.
  auto options = std::make_shared<DeadLetterOptions>();
  CLI::App* letters = app.add_subcommand("dead-letters", "messages that a function gave up");
  letters->require_subcommand(1);
  CLI::App* list = letters->add_subcommand("list", "list them");
  CLI::App* show = letters->add_subcommand("show", "print one with its data");
  CLI::App* retry = letters->add_subcommand("retry", "decide them anew, one attempt each");
  CLI::App* exported = letters->add_subcommand("export", "print them as JSON lines, mark them");
  using Command = int (*)(const InstanceLocation&, const DeadLetterOptions&);
  const std::pair<CLI::App*, Command> commands[] = {{list, RunDeadLettersList},
                                                    {show, RunDeadLettersShow},
                                                    {retry, RunDeadLettersRetry},
                                                    {exported, RunDeadLettersExport}};
  for (const auto& [command, function] : commands) {
    command->add_option("function", options->function, "function")->required();
    add_location(command);
    command->callback([&location, &run, options, function = function] {
      run = [&location, options, function] { return function(location, *options); };
    });
  }
  list->add_option("--state", options->state, "dead, retried, exported or any")
      ->capture_default_str();
  for (CLI::App* command : {list, retry, exported}) {
    command->add_option("--error", options->error, "those whose error has this text");
  }
  for (CLI::App* command : {list, show, retry}) {
    command->add_flag("--json", options->json, "for programs");
  }
  show->add_option("id", options->ids, "message id")->required()->expected(1);
  auto* ids = retry->add_option("ids", options->ids, "message ids");
  auto* all = retry->add_flag("--all", options->all, "all that are dead (and match --error)");
  ids->excludes(all);
  retry->add_option("--data", options->data_file,
                    "file with the data instead of the message's own");
}

void AddReplay(CLI::App& app, InstanceLocation& location, std::function<int()>& run,
               const AddLocation& add_location) {
  // Shared as above.
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* replay = app.add_subcommand("replay", "decide retained messages anew");
  replay->add_option("function", options->function, "function")->required();
  auto* from = replay->add_option("--from", options->from, "sequence or time (RFC 3339)");
  auto* letter = replay->add_option("--dead-letter", options->dead_letter, "one dead letter's id");
  letter->excludes(from);
  auto* into = replay->add_option("--into", options->into, "a new dataset.table for the rows");
  auto* dry = replay->add_flag("--dry-run", options->dry_run, "store nothing, print what changes");
  dry->excludes(into)->excludes(letter);
  replay->add_option("--transform", options->transform_file, "a changed .sql or .js to try")
      ->needs(dry);
  replay->add_option("--limit", options->limit, "messages of a dry run")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  replay->add_flag("--no-wait", options->no_wait, "do not wait until it is done");
  replay->add_flag("--json", options->json, "for programs");
  add_location(replay);
  replay->callback([&location, &run, options] {
    run = [&location, options] { return RunReplay(location, *options); };
  });
}

void AddBackfill(CLI::App& app, InstanceLocation& location, std::function<int()>& run,
                 const AddLocation& add_location) {
  // Shared as above.
  auto options = std::make_shared<BackfillOptions>();
  CLI::App* backfill =
      app.add_subcommand("backfill", "files straight through a function into its table");
  backfill->add_option("function", options->function, "function")->required();
  backfill->add_option("files", options->files, "NDJSON, CSV (also .gz, .zst) or Parquet files")
      ->required();
  backfill->add_flag("--json", options->json, "for programs");
  add_location(backfill);
  backfill->callback([&location, &run, options] {
    run = [&location, options] { return RunBackfill(location, *options); };
  });
}

}  // namespace

void AddFunctionCommands(CLI::App& app, InstanceLocation& location, std::function<int()>& run,
                         const AddLocation& add_location) {
  AddDeadLetters(app, location, run, add_location);
  AddReplay(app, location, run, add_location);
  AddBackfill(app, location, run, add_location);
}

}  // namespace afluente::cli
