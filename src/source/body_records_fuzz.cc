// Takes the input as a body of each form: its records never hold more bytes than it has, and JSON
// ones are JSON.
#include <string>

#include "fuzz/accepted.h"
#include "host/check.h"
#include "source/body_records.h"

namespace afluente::source {
namespace {

bool ReadIn(std::string_view body, BodyForm form, http::ContentCoding coding) {
  BodyRecords records(body, form, coding, {.record_bytes_max = 1000, .body_bytes_max = 100'000});
  uint64_t bytes = 0, last = 0;
  while (true) {
    auto record = records.Next();
    if (!record.ok()) return false;
    if (!record->has_value()) return true;
    const BodyRecord& one = **record;
    AFLUENTE_CHECK(one.number > last);
    last = one.number;
    bytes += one.data.size();
    AFLUENTE_CHECK(bytes <= 100'000);
    const bool json = form == BodyForm::kJson || form == BodyForm::kJsonLines;
    if (json && one.error.empty()) AFLUENTE_CHECK(CheckJson(one.data).ok());
  }
}

}  // namespace
}  // namespace afluente::source

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente;
  const std::string_view body(reinterpret_cast<const char*>(bytes), size);
  bool read = false;
  for (const auto form : {source::BodyForm::kJsonLines, source::BodyForm::kTextLines,
                          source::BodyForm::kJson, source::BodyForm::kBytes}) {
    for (const auto coding :
         {http::ContentCoding::kIdentity, http::ContentCoding::kGzip, http::ContentCoding::kZstd}) {
      read = source::ReadIn(body, form, coding) || read;
    }
  }
  fuzz::accepted = read;
  return 0;
}
