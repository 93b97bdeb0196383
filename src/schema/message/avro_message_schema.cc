#include "schema/message/avro_message_schema.h"

#include <utility>

#include "host/check.h"
#include "schema/message/avro_reader.h"

namespace afluente::schema {

absl::StatusOr<std::unique_ptr<MessageSchema>> AvroMessageSchema::Create(
    std::string_view definition) {
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<avro::Definition> parsed,
                            avro::Definition::Parse(definition));
  return std::unique_ptr<MessageSchema>(new AvroMessageSchema(std::move(parsed)));
}

absl::Status AvroMessageSchema::Read(MessageEncoding encoding, std::string_view data,
                                     std::string* out) const {
  avro::Reading reading(data.size(), out);
  bool fits = encoding == MessageEncoding::kJson
                  ? avro::ReadJson(definition_->root(), data, reading)
                  : avro::ReadBinary(definition_->root(), data, reading);
  return fits ? absl::OkStatus() : reading.problem().ToStatus();
}

absl::Status AvroMessageSchema::Validate(MessageEncoding encoding, std::string_view data) const {
  return Read(encoding, data, nullptr);
}

absl::StatusOr<std::string> AvroMessageSchema::ToJson(MessageEncoding encoding,
                                                      std::string_view data) const {
  std::string json;
  AFLUENTE_RETURN_IF_ERROR(Read(encoding, data, &json));
  return json;
}

absl::Status AvroMessageSchema::CheckRevises(const MessageSchema& earlier) const {
  const auto* avro = dynamic_cast<const AvroMessageSchema*>(&earlier);
  if (avro == nullptr) return absl::InvalidArgumentError("the earlier revision is not Avro");
  return avro::CheckBothWays(*definition_, *avro->definition_);
}

}  // namespace afluente::schema
