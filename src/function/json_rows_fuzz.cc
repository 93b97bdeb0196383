#include <cstddef>
#include <cstdint>
#include <string_view>

#include "function/json_rows.h"
#include "fuzz/accepted.h"
#include "host/check.h"
#include "schema/json_text.h"

// Every element of a JSON array is JSON itself.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto elements = afluente::function::SplitJsonArray(text);
  afluente::fuzz::accepted = elements.ok();
  if (!elements.ok()) return 0;
  for (const std::string_view element : *elements) {
    AFLUENTE_CHECK(afluente::schema::IsJson(element));
  }
  return 0;
}
