#include "broker/wire/fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "google/api/field_behavior.pb.h"

namespace afluente::broker::wire {
namespace {

using google::protobuf::FieldDescriptor;

bool Contains(absl::Span<const int> numbers, int number) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

bool IsOutputOnly(const FieldDescriptor& field) {
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == google::api::OUTPUT_ONLY)
      return true;
  }
  return false;
}

// An empty message sets nothing: clients send `push_config {}` for a pull subscription.
bool IsEmptyMessage(const google::protobuf::Message& parent, const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated() &&
         parent.GetReflection()->GetMessage(parent, &field).ByteSizeLong() == 0;
}

absl::Status NotSupported(const FieldDescriptor& field) {
  return absl::UnimplementedError(absl::StrCat("Afluente does not support the field ",
                                               field.containing_type()->name(), ".", field.name(),
                                               "."));
}

}  // namespace

absl::Status RefuseUnsupported(const google::protobuf::Message& resource, const FieldRules& rules) {
  std::vector<const FieldDescriptor*> fields;
  resource.GetReflection()->ListFields(resource, &fields);
  for (const FieldDescriptor* field : fields) {
    if (Contains(rules.supported, field->number()) || IsOutputOnly(*field) ||
        IsEmptyMessage(resource, *field))
      continue;
    return NotSupported(*field);
  }
  const auto& unknown = resource.GetReflection()->GetUnknownFields(resource);
  if (unknown.field_count() > 0)
    return absl::UnimplementedError(absl::StrCat("Afluente does not know field number ",
                                                 unknown.field(0).number(), " of ",
                                                 resource.GetDescriptor()->name(), "."));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<const FieldDescriptor*>> MaskedFields(
    const google::protobuf::FieldMask& mask, const google::protobuf::Descriptor& resource,
    const FieldRules& rules) {
  if (mask.paths().empty())
    return absl::InvalidArgumentError("The update_mask must be set and name at least one field.");
  std::vector<const FieldDescriptor*> fields;
  for (const std::string& path : mask.paths()) {
    const FieldDescriptor* field = resource.FindFieldByName(path);
    if (field == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("Invalid update_mask: '", path,
                                                     "' is not a field of ", resource.name(), "."));
    if (IsOutputOnly(*field))
      return absl::InvalidArgumentError(
          absl::StrCat("Invalid update_mask: the field '", path, "' is output only."));
    if (!Contains(rules.supported, field->number())) return NotSupported(*field);
    if (!Contains(rules.changeable, field->number()))
      return absl::InvalidArgumentError(
          absl::StrCat("Invalid update_mask: the field '", path, "' cannot be changed."));
    fields.push_back(field);
  }
  return fields;
}

}  // namespace afluente::broker::wire
