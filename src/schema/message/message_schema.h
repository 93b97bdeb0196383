#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::schema {

enum class SchemaLanguage { kAvro, kProtobuf };
enum class MessageEncoding { kJson, kBinary };

// Port: a compiled schema of messages' data. Immutable; all threads.
class MessageSchema {
 public:
  // INVALID_ARGUMENT with the place and what is wrong. Of a Protobuf definition the one top-level
  // message is meant; imports but Google's well-known types are refused, as Pub/Sub refuses them.
  static absl::StatusOr<std::unique_ptr<MessageSchema>> Compile(SchemaLanguage language,
                                                                std::string_view definition);
  virtual ~MessageSchema() = default;

  // INVALID_ARGUMENT naming the field when `data` does not fit.
  virtual absl::Status Validate(MessageEncoding encoding, std::string_view data) const = 0;

  // The data as one JSON object by field names, for tables: bytes as base64, an Avro union's branch
  // without its wrapper, absent as null. Errors as Validate's.
  virtual absl::StatusOr<std::string> ToJson(MessageEncoding encoding,
                                             std::string_view data) const = 0;

  // Whether what was written under `earlier` can still be read under this one, as Pub/Sub asks of
  // a new revision: FAILED_PRECONDITION or INVALID_ARGUMENT with what contradicts.
  virtual absl::Status CheckRevises(const MessageSchema& earlier) const = 0;
};

}  // namespace afluente::schema
