#include "warehouse/javascript/script_functions.h"

#include <list>
#include <string>
#include <utility>

#include "event/message.h"
#include "schema/text.h"
#include "script/javascript.h"

namespace afluente::warehouse {
namespace {

constexpr size_t kKeptMax = 8;

struct Compiled {
  std::string code;
  std::unique_ptr<script::JavaScript> function;
};

script::Limits FunctionLimits() {
  script::Limits limits;
  limits.code_bytes_max = size_t{1} << 20;
  return limits;
}

// A message's data carries the arguments in and the result out.
std::string Wrapped(std::string_view code) {
  return schema::Concat("function f", code,
                        "\nfunction call(message, metadata) {\n"
                        "  const result = f(...JSON.parse(message.data));\n"
                        "  const text = JSON.stringify(result === undefined ? null : result);\n"
                        "  return {data: text === undefined ? \"null\" : text, attributes: {}};\n"
                        "}\n");
}

absl::StatusOr<Compiled*> Find(std::string_view code) {
  thread_local std::list<Compiled> kept;
  for (auto it = kept.begin(); it != kept.end(); ++it) {
    if (it->code != code) continue;
    kept.splice(kept.begin(), kept, it);
    return &kept.front();
  }
  absl::StatusOr<std::unique_ptr<script::JavaScript>> made =
      script::JavaScript::Compile("call", Wrapped(code), FunctionLimits());
  if (!made.ok()) return made.status();
  kept.push_front({std::string(code), *std::move(made)});
  if (kept.size() > kKeptMax) kept.pop_back();
  return &kept.front();
}

}  // namespace

absl::StatusOr<std::string> ScriptFunctions::Call(std::string_view code,
                                                  std::string_view arguments) {
  absl::StatusOr<Compiled*> compiled = Find(code);
  if (!compiled.ok()) return compiled.status();
  event::Message message;
  message.data = arguments;
  absl::StatusOr<script::Transformed> result = (*compiled)->function->Call(message);
  if (!result.ok()) return result.status();
  return result->has_value() ? std::move((*result)->data) : std::string("null");
}

}  // namespace afluente::warehouse
