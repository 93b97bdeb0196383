#include "schema/message/protobuf_message_schema.h"

#include <limits>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "host/check.h"
#include "schema/message/protobuf_definition.h"
#include "schema/text.h"
#include "schema/utf8.h"

namespace afluente::schema {

namespace pb = google::protobuf;

struct ProtobufMessageSchema::Compiled {
  pb::DescriptorPool pool;
  const pb::Descriptor* type = nullptr;
  pb::DynamicMessageFactory factory;
  const pb::Message* prototype = nullptr;
  std::unique_ptr<pb::util::TypeResolver> resolver;

  absl::StatusOr<std::unique_ptr<pb::Message>> Parse(MessageEncoding encoding,
                                                     std::string_view data) const;
  absl::StatusOr<std::string> ToBinary(std::string_view json) const;
};

namespace {

constexpr char kTypeUrlPrefix[] = "type.googleapis.com";
constexpr int kUnknownDepthMax = 100;  // the parser's own limit

absl::Status ToStatus(const pb::util::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::InvalidArgumentError(std::string(status.message()));
}

std::string UrlOf(const pb::Descriptor& type) {
  return Concat(kTypeUrlPrefix, "/", type.full_name());
}

// The path of a field that the schema does not know, empty when there is none.
std::string FindUnknown(const pb::Message& message, int depth) {
  const pb::Reflection& reflection = *message.GetReflection();
  const pb::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  if (!unknown.empty()) return Concat("number ", unknown.field(0).number());
  if (depth > kUnknownDepthMax) return "";
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      std::string path =
          FindUnknown(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                           : reflection.GetMessage(message, field),
                      depth + 1);
      if (!path.empty()) return Concat(field->name(), ".", path);
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<MessageSchema>> ProtobufMessageSchema::Create(
    std::string_view definition) {
  auto compiled = std::make_unique<Compiled>();
  AFLUENTE_ASSIGN_OR_RETURN(compiled->type, CompileProtobuf(definition, compiled->pool));
  compiled->prototype = compiled->factory.GetPrototype(compiled->type);
  compiled->resolver.reset(
      pb::util::NewTypeResolverForDescriptorPool(kTypeUrlPrefix, &compiled->pool));
  return std::unique_ptr<MessageSchema>(new ProtobufMessageSchema(std::move(compiled)));
}

ProtobufMessageSchema::ProtobufMessageSchema(std::unique_ptr<Compiled> compiled)
    : compiled_(std::move(compiled)) {}

ProtobufMessageSchema::~ProtobufMessageSchema() = default;

absl::StatusOr<std::string> ProtobufMessageSchema::Compiled::ToBinary(std::string_view json) const {
  // The library takes Latin-1 for what is not UTF-8.
  if (!IsUtf8(json)) return absl::InvalidArgumentError("not JSON: not UTF-8");
  std::string binary;
  AFLUENTE_RETURN_IF_ERROR(ToStatus(pb::util::JsonToBinaryString(
      resolver.get(), UrlOf(*type), pb::StringPiece(json.data(), json.size()), &binary)));
  return binary;
}

absl::StatusOr<std::unique_ptr<pb::Message>> ProtobufMessageSchema::Compiled::Parse(
    MessageEncoding encoding, std::string_view data) const {
  if (data.size() > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError("larger than 2 GiB");
  }
  pb::LogSilencer silencer;  // what is wrong is answered, not logged
  std::string converted;
  if (encoding == MessageEncoding::kJson) {
    AFLUENTE_ASSIGN_OR_RETURN(converted, ToBinary(data));
    data = converted;
  }
  std::unique_ptr<pb::Message> message(prototype->New());
  if (!message->ParsePartialFromArray(data.data(), static_cast<int>(data.size()))) {
    return absl::InvalidArgumentError(Concat("the data is not a message ", type->full_name()));
  }
  if (!message->IsInitialized()) {
    std::vector<std::string> missing;
    message->FindInitializationErrors(&missing);
    return absl::InvalidArgumentError(
        Concat("field \"", missing.empty() ? "" : missing.front(), "\": is required"));
  }
  if (std::string unknown = FindUnknown(*message, 0); !unknown.empty()) {
    return absl::InvalidArgumentError(
        Concat("field ", unknown, ": is not in the message ", type->full_name()));
  }
  return message;
}

absl::Status ProtobufMessageSchema::Validate(MessageEncoding encoding,
                                             std::string_view data) const {
  return compiled_->Parse(encoding, data).status();
}

absl::StatusOr<std::string> ProtobufMessageSchema::ToJson(MessageEncoding encoding,
                                                          std::string_view data) const {
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<pb::Message> message, compiled_->Parse(encoding, data));
  pb::LogSilencer silencer;
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  AFLUENTE_RETURN_IF_ERROR(
      ToStatus(pb::util::BinaryToJsonString(compiled_->resolver.get(), UrlOf(*compiled_->type),
                                            message->SerializePartialAsString(), &json, options)));
  return json;
}

absl::Status ProtobufMessageSchema::CheckRevises(const MessageSchema& earlier) const {
  const auto* protobuf = dynamic_cast<const ProtobufMessageSchema*>(&earlier);
  if (protobuf == nullptr) {
    return absl::InvalidArgumentError("the earlier revision is not a Protocol Buffer");
  }
  return CheckProtobufRevises(*compiled_->type, *protobuf->compiled_->type);
}

}  // namespace afluente::schema
