#include "schema/message/message_schema.h"

#include "schema/message/avro_message_schema.h"
#include "schema/message/protobuf_message_schema.h"
#include "schema/text.h"

namespace afluente::schema {
namespace {

// "Schema definition size" in Pub/Sub's "Quotas and limits".
constexpr size_t kDefinitionBytesMax = 300'000;

}  // namespace

absl::StatusOr<std::unique_ptr<MessageSchema>> MessageSchema::Compile(SchemaLanguage language,
                                                                      std::string_view definition) {
  if (definition.size() > kDefinitionBytesMax) {
    return absl::InvalidArgumentError(Concat("the schema definition has ", definition.size(),
                                             " bytes; the limit is ", kDefinitionBytesMax));
  }
  return language == SchemaLanguage::kAvro ? AvroMessageSchema::Create(definition)
                                           : ProtobufMessageSchema::Create(definition);
}

}  // namespace afluente::schema
