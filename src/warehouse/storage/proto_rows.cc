#include "warehouse/storage/proto_rows.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <utility>

#include "absl/strings/cord.h"
#include "host/check.h"
#include "schema/text.h"
#include "warehouse/storage/proto_value.h"

namespace afluente::warehouse::storage {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using schema::Concat;
using schema::EqualsIgnoreCase;

// A bad schema's first complaint.
class Complaints final : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string& element, const google::protobuf::Message*,
                ErrorLocation, const std::string& message) override {
    if (text.empty()) text = Concat(element, ": ", message);
  }
  std::string text;
};

class DynamicRows final : public ProtoRows {
 public:
  absl::Status Open(const google::protobuf::DescriptorProto& descriptor, const TableSchema& table) {
    google::protobuf::FileDescriptorProto file;
    file.set_name("row.proto");
    *file.add_message_type() = descriptor;
    Complaints complaints;
    const auto* built = pool_.BuildFileCollectingErrors(file, &complaints);
    if (built == nullptr) {
      return absl::InvalidArgumentError(Concat("Invalid proto schema: ", complaints.text));
    }
    const Descriptor* row = built->message_type(0);
    columns_ = table.columns;
    fields_.resize(columns_.size(), nullptr);
    for (int i = 0; i < row->field_count(); ++i) {
      AFLUENTE_RETURN_IF_ERROR(Assign(*row->field(i)));
    }
    prototype_ = factory_.GetPrototype(row);
    return absl::OkStatus();
  }

  absl::StatusOr<IncomingRow> Decode(const std::string& bytes) const override {
    const std::unique_ptr<google::protobuf::Message> message(prototype_->New());
    if (!message->ParseFromString(bytes)) {
      return absl::InvalidArgumentError("the row is no message of its schema");
    }
    IncomingRow row;
    row.values.reserve(columns_.size());
    for (size_t i = 0; i < columns_.size(); ++i) {
      row.values.emplace_back();
      if (fields_[i] == nullptr) continue;
      AFLUENTE_ASSIGN_OR_RETURN(row.values.back(),
                                ReadField(*message, *fields_[i], columns_[i].type));
    }
    if (change_type_ != nullptr) {
      AFLUENTE_ASSIGN_OR_RETURN(
          row.change, ChangeOf(message->GetReflection()->GetString(*message, change_type_)));
    }
    return row;
  }

 private:
  absl::Status Assign(const FieldDescriptor& field) {
    const bool text = field.type() == FieldDescriptor::TYPE_STRING && !field.is_repeated();
    if (EqualsIgnoreCase(field.name(), kChangeType) && text) {
      change_type_ = &field;
      return absl::OkStatus();
    }
    // Requests are applied in the order in which they come, so the number adds nothing here.
    if (EqualsIgnoreCase(field.name(), kChangeSequence) && text) return absl::OkStatus();
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!EqualsIgnoreCase(columns_[i].name, field.name())) continue;
      fields_[i] = &field;
      return CheckConversion(field, columns_[i].type);
    }
    return ExtraField("source proto", field.name());
  }

  google::protobuf::DescriptorPool pool_;
  // Makes prototypes in Open alone; Decode only copies them.
  google::protobuf::DynamicMessageFactory factory_{&pool_};
  const google::protobuf::Message* prototype_ = nullptr;
  std::vector<schema::Column> columns_;
  std::vector<const FieldDescriptor*> fields_;  // by column; nullptr: not sent
  const FieldDescriptor* change_type_ = nullptr;
};

}  // namespace

absl::Status ExtraField(std::string_view schema, std::string_view field) {
  absl::Status status = absl::InvalidArgumentError(
      Concat("The ", schema, " has field ", field, ", which the table has not"));
  status.SetPayload(kExtraFieldsPayload, absl::Cord("1"));
  return status;
}

absl::StatusOr<IncomingRow::Change> ChangeOf(std::string_view type) {
  if (type == "UPSERT") return IncomingRow::Change::kUpsert;
  if (type == "DELETE") return IncomingRow::Change::kDelete;
  return absl::InvalidArgumentError("_CHANGE_TYPE is UPSERT or DELETE");
}

absl::StatusOr<std::unique_ptr<ProtoRows>> ProtoRows::Create(
    const google::protobuf::DescriptorProto& descriptor, const TableSchema& table) {
  auto rows = std::make_unique<DynamicRows>();
  AFLUENTE_RETURN_IF_ERROR(rows->Open(descriptor, table));
  return std::unique_ptr<ProtoRows>(std::move(rows));
}

}  // namespace afluente::warehouse::storage
