#include "broker/wire/fields.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/api/field_behavior.pb.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

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
bool IsEmptyMessage(const Message& parent, const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated() &&
         parent.GetReflection()->GetMessage(parent, &field).ByteSizeLong() == 0;
}

absl::StatusOr<FieldPath> ParsePath(const std::string& text,
                                    const google::protobuf::Descriptor& resource) {
  FieldPath path;
  const google::protobuf::Descriptor* type = &resource;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(text, '.'))) {
    const FieldDescriptor* field = type == nullptr ? nullptr : type->FindFieldByName(name);
    if (field == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("Invalid update_mask: '", text,
                                                     "' is not a field of ", resource.name(), "."));
    path.push_back(field);
    type = field->is_repeated() ? nullptr : field->message_type();
  }
  return path;
}

absl::Status NotSupported(const FieldDescriptor& field) {
  return absl::UnimplementedError(absl::StrCat("Afluente does not support the field ",
                                               field.containing_type()->name(), ".", field.name(),
                                               "."));
}

}  // namespace

absl::Status RefuseUnsupported(const Message& resource, const FieldRules& rules) {
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

absl::StatusOr<std::vector<FieldPath>> MaskedPaths(const google::protobuf::FieldMask& mask,
                                                   const google::protobuf::Descriptor& resource,
                                                   const FieldRules& rules) {
  if (mask.paths().empty())
    return absl::InvalidArgumentError("The update_mask must be set and name at least one field.");
  std::vector<FieldPath> paths;
  for (const std::string& text : mask.paths()) {
    AFLUENTE_ASSIGN_OR_RETURN(FieldPath path, ParsePath(text, resource));
    for (const FieldDescriptor* field : path) {
      if (IsOutputOnly(*field))
        return absl::InvalidArgumentError(
            absl::StrCat("Invalid update_mask: the field '", text, "' is output only."));
    }
    const FieldDescriptor& first = *path.front();
    if (!Contains(rules.supported, first.number())) return NotSupported(first);
    if (!Contains(rules.changeable, first.number()))
      return absl::InvalidArgumentError(
          absl::StrCat("Invalid update_mask: the field '", text, "' cannot be changed."));
    paths.push_back(std::move(path));
  }
  return paths;
}

void CopyPath(const Message& from, const FieldPath& path, Message& to) {
  const Message* source = &from;
  Message* target = &to;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    source = &source->GetReflection()->GetMessage(*source, path[i]);
    target = target->GetReflection()->MutableMessage(target, path[i]);
  }
  std::unique_ptr<Message> alone(source->New());
  alone->CopyFrom(*source);
  std::vector<const FieldDescriptor*> fields;
  alone->GetReflection()->ListFields(*alone, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field != path.back()) alone->GetReflection()->ClearField(alone.get(), field);
  }
  target->GetReflection()->ClearField(target, path.back());
  target->MergeFrom(*alone);
}

}  // namespace afluente::broker::wire
