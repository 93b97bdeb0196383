// Takes the input's first line as a content type, a field mask and a page token, the rest as a
// body: what is read lies within the body.
#include <nlohmann/json.hpp>

#include "fuzz/accepted.h"
#include "host/check.h"
#include "warehouse/wire/call.h"
#include "warehouse/wire/field_mask.h"
#include "warehouse/wire/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente::warehouse::wire;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::string_view body = text.substr(std::min(line.size() + 1, text.size()));
  auto parts = ParseRelated(line, body);
  if (parts.ok()) {
    AFLUENTE_CHECK(parts->resource.data() >= body.data());
    AFLUENTE_CHECK(parts->media.data() + parts->media.size() <= body.data() + body.size());
  }
  auto value = afluente::warehouse::jobs::ParseJson(body);
  const bool json = !value.is_discarded();
  if (json) SelectFields(line, value).IgnoreError();
  FromPageToken(std::string(line)).status().IgnoreError();
  afluente::fuzz::accepted = parts.ok() || json;
  return 0;
}
