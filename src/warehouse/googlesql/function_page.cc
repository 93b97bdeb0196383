#include "warehouse/googlesql/function_page.h"

#include <map>
#include <vector>

#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

struct Group {
  std::string_view title;
  std::span<const Function> functions;
};

std::string Arity(const Function& function) {
  if (function.max_args < 0) return Cat(function.min_args, " or more");
  if (function.min_args == function.max_args) return Cat(function.min_args);
  return Cat(function.min_args, " to ", function.max_args);
}

// One line a name: its rows differ in the number of arguments alone.
struct Line {
  std::string arguments;
  std::string note;
  std::string named;
};

void AppendGroup(const Group& group, std::string* page) {
  std::map<std::string_view, Line> lines;
  for (const Function& function : group.functions) {
    Line& line = lines[function.name];
    Append(&line.arguments, line.arguments.empty() ? "" : ", ", Arity(function));
    if (line.note.empty()) line.note = function.note;
    if (line.named.empty()) line.named = function.named;
  }
  Append(page, "\n## ", group.title, "\n| function | arguments | how |\n|---|---|---|\n");
  for (const auto& [name, line] : lines) {
    const std::string how = line.note.empty()      ? "exact"
                            : line.note == "exact" ? "exact where BigQuery approximates"
                                                   : Cat("approximate: ", line.note);
    Append(page, "| ", name, " | ", line.arguments,
           line.named.empty() ? "" : Cat(", by name: ", line.named), " | ", how, " |\n");
  }
}

}  // namespace

std::string FunctionPage() {
  std::string page =
      "# GoogleSQL's functions\n\n"
      "Written from the translator's own table by the test `FunctionPage` (run it with\n"
      "`AFLUENTE_WRITE_DOCS=1` to write the page anew). Exact means: no difference to BigQuery is "
      "known.\n"
      "A function that is not here at all is `Function not found`; the missing ones are refused by "
      "name.\n";
  for (const Group& group : {Group{"Texts and bytes", TextFunctions()},
                             {"Numbers, conditions, hashes", MathFunctions()},
                             {"Dates and times", TimeFunctions()},
                             {"INTERVAL and RANGE", RangeFunctions()},
                             {"JSON", JsonFunctions()},
                             {"Changes of JSON", JsonEditFunctions()},
                             {"Arrays", ArrayFunctions()},
                             {"Aggregates and windows", AggregateFunctions()}}) {
    AppendGroup(group, &page);
  }
  page += "\n## Missing\n| function | area |\n|---|---|\n";
  for (const MissingFunction& missing : MissingFunctions()) {
    Append(&page, "| ", missing.name, " | ", missing.reason, " |\n");
  }
  page += "| ST_* | GEOGRAPHY |\n";
  return page;
}

}  // namespace afluente::warehouse::googlesql
