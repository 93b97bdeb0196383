// Takes the input as a subscription's filter: what compiles matches or does not, and its negation
// says the opposite.
#include "event/filter.h"
#include "fuzz/accepted.h"
#include "host/check.h"
#include "schema/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using afluente::event::Attributes;
  using afluente::event::Filter;
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto filter = Filter::Parse(text);
  afluente::fuzz::accepted = filter.ok();
  if (!filter.ok()) return 0;
  auto opposite = Filter::Parse(afluente::schema::Concat("NOT (", text, ")"));
  for (const Attributes& attributes :
       {Attributes(), Attributes{{"a", ""}}, Attributes{{"a", "x"}, {"name", "com.example"}}}) {
    bool matches = filter->Matches(attributes);
    // One level deeper it may be too deep or too long.
    if (opposite.ok()) AFLUENTE_CHECK(opposite->Matches(attributes) != matches);
  }
  return 0;
}
