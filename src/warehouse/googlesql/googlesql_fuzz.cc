// Takes the input as a statement and as a script: what the translator accepts it accepts again, to
// the same text, and a statement that it reads is a script of one step.
#include "fuzz/accepted.h"
#include "host/check.h"
#include "warehouse/googlesql/sample_catalog.h"
#include "warehouse/googlesql/script.h"
#include "warehouse/googlesql/translate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente::warehouse::googlesql;  // NOLINT: a fuzz target's one function
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const SampleCatalog catalog;
  TranslateOptions options;
  options.default_project = "p";
  options.default_dataset = "d";
  const auto once = Translate(text, catalog, options);
  const auto script = Script::Compile(text);
  afluente::fuzz::accepted = once.ok() && script.ok();
  if (!once.ok()) return 0;
  const auto again = Translate(text, catalog, options);
  AFLUENTE_CHECK(again.ok() && again->sql == once->sql);
  if (once->kind != StatementKind::kScript) AFLUENTE_CHECK(script.ok());
  return 0;
}
