#pragma once

#include <memory>

#include "schema/message/avro_definition.h"
#include "schema/message/message_schema.h"

namespace afluente::schema {

// A schema in Apache Avro. Written here because Debian's C library ends the process on deep data
// and has no JSON encoding (docs/decisions/2026-11-24-own-avro-reader.md).
class AvroMessageSchema final : public MessageSchema {
 public:
  static absl::StatusOr<std::unique_ptr<MessageSchema>> Create(std::string_view definition);

  absl::Status Validate(MessageEncoding encoding, std::string_view data) const override;
  absl::StatusOr<std::string> ToJson(MessageEncoding encoding,
                                     std::string_view data) const override;
  absl::Status CheckRevises(const MessageSchema& earlier) const override;

 private:
  explicit AvroMessageSchema(std::unique_ptr<avro::Definition> definition)
      : definition_(std::move(definition)) {}
  absl::Status Read(MessageEncoding encoding, std::string_view data, std::string* out) const;

  const std::unique_ptr<avro::Definition> definition_;
};

}  // namespace afluente::schema
