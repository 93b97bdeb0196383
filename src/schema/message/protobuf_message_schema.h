#pragma once

#include <memory>
#include <string>

#include "schema/message/message_schema.h"

namespace afluente::schema {

// A schema in Protocol Buffers, by the library's own parser and descriptors, which a schema has
// for itself: what one defines is unknown to others and to the program's own messages.
class ProtobufMessageSchema final : public MessageSchema {
 public:
  static absl::StatusOr<std::unique_ptr<MessageSchema>> Create(std::string_view definition);
  ~ProtobufMessageSchema() override;

  absl::Status Validate(MessageEncoding encoding, std::string_view data) const override;
  absl::StatusOr<std::string> ToJson(MessageEncoding encoding,
                                     std::string_view data) const override;
  absl::Status CheckRevises(const MessageSchema& earlier) const override;

 private:
  struct Compiled;
  explicit ProtobufMessageSchema(std::unique_ptr<Compiled> compiled);

  const std::unique_ptr<Compiled> compiled_;
};

}  // namespace afluente::schema
