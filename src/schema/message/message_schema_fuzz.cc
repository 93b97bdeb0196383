// Takes the input as a schema and a message of it: a byte for language and encoding, the
// definition's length (2 bytes, little-endian), the definition, the data. Any status is right; JSON
// that is none, or a schema that does not revise itself, is not.
#include <algorithm>

#include "fuzz/accepted.h"
#include "host/check.h"
#include "schema/json_text.h"
#include "schema/message/message_schema.h"

namespace afluente::schema {
namespace {

absl::Status ReadMessage(std::string_view input) {
  if (input.size() < 3) return absl::InvalidArgumentError("cut short");
  auto byte = [&](size_t i) { return static_cast<unsigned char>(input[i]); };
  auto language = (byte(0) & 1) == 0 ? SchemaLanguage::kAvro : SchemaLanguage::kProtobuf;
  auto encoding = (byte(0) & 2) == 0 ? MessageEncoding::kJson : MessageEncoding::kBinary;
  size_t size = std::min<size_t>(byte(1) | byte(2) << 8, input.size() - 3);
  std::string_view data = input.substr(3 + size);
  AFLUENTE_ASSIGN_OR_RETURN(auto schema, MessageSchema::Compile(language, input.substr(3, size)));
  AFLUENTE_CHECK(schema->CheckRevises(*schema).ok());
  absl::Status status = schema->Validate(encoding, data);
  absl::StatusOr<std::string> json = schema->ToJson(encoding, data);
  AFLUENTE_CHECK(status.ok() || !json.ok());
  // Nested deeper than IsJson looks, it is no value for a table anyway.
  if (json.ok() && json->size() < 10'000) AFLUENTE_CHECK(IsJson(*json));
  return status;
}

}  // namespace
}  // namespace afluente::schema

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  afluente::fuzz::accepted =
      afluente::schema::ReadMessage({reinterpret_cast<const char*>(bytes), size}).ok();
  return 0;
}
