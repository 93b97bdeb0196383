#include "schema/message/message_schema_fuzz_entry.h"

#include <algorithm>

#include "host/check.h"
#include "schema/json_text.h"

namespace afluente::schema {

absl::Status ReadArbitraryMessage(std::string_view input) {
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

std::string MakeFuzzInput(SchemaLanguage language, MessageEncoding encoding,
                          std::string_view definition, std::string_view data) {
  int kind = (language == SchemaLanguage::kProtobuf ? 1 : 0) |
             (encoding == MessageEncoding::kBinary ? 2 : 0);
  std::string input{static_cast<char>(kind), static_cast<char>(definition.size() & 0xff),
                    static_cast<char>(definition.size() >> 8)};
  input.append(definition);
  input.append(data);
  return input;
}

}  // namespace afluente::schema
