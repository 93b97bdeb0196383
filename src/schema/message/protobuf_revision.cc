#include <set>
#include <string>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "host/check.h"
#include "schema/message/protobuf_definition.h"
#include "schema/text.h"

namespace afluente::schema {
namespace {

namespace pb = google::protobuf;

absl::Status Contradicts(const std::string& name, std::string_view what) {
  return absl::InvalidArgumentError(Concat("field \"", name, "\": ", what));
}

class Revision {
 public:
  absl::Status Check(const pb::Descriptor& later, const pb::Descriptor& earlier);

 private:
  absl::Status CheckField(const pb::FieldDescriptor& later, const pb::FieldDescriptor& earlier);
  static absl::Status CheckEnum(const std::string& field, const pb::EnumDescriptor& later,
                                const pb::EnumDescriptor& earlier);

  std::set<std::pair<const pb::Descriptor*, const pb::Descriptor*>> seen_;
};

absl::Status Revision::CheckEnum(const std::string& field, const pb::EnumDescriptor& later,
                                 const pb::EnumDescriptor& earlier) {
  for (int i = 0; i < earlier.value_count(); ++i) {
    const pb::EnumValueDescriptor* value = later.FindValueByName(earlier.value(i)->name());
    if (value != nullptr && value->number() == earlier.value(i)->number()) continue;
    return Contradicts(field, Concat("the enum's value ", earlier.value(i)->name(),
                                     " was removed or has another number"));
  }
  return absl::OkStatus();
}

absl::Status Revision::CheckField(const pb::FieldDescriptor& later,
                                  const pb::FieldDescriptor& earlier) {
  const std::string& name = earlier.full_name();
  if (later.name() != earlier.name()) return Contradicts(name, "was renamed to " + later.name());
  const pb::OneofDescriptor* now = later.containing_oneof();
  const pb::OneofDescriptor* then = earlier.containing_oneof();
  bool same = later.type() == earlier.type() && later.label() == earlier.label() &&
              later.has_presence() == earlier.has_presence() &&
              (now == nullptr) == (then == nullptr) &&
              (now == nullptr || now->name() == then->name());
  if (!same) return Contradicts(name, "an existing field cannot be changed");
  if (later.enum_type() != nullptr)
    return CheckEnum(name, *later.enum_type(), *earlier.enum_type());
  if (later.message_type() == nullptr) return absl::OkStatus();
  if (later.message_type()->full_name() != earlier.message_type()->full_name()) {
    return Contradicts(name, "an existing field's type cannot be changed");
  }
  return Check(*later.message_type(), *earlier.message_type());
}

absl::Status Revision::Check(const pb::Descriptor& later, const pb::Descriptor& earlier) {
  if (!seen_.emplace(&later, &earlier).second) return absl::OkStatus();
  for (int i = 0; i < earlier.field_count(); ++i) {
    const pb::FieldDescriptor& field = *earlier.field(i);
    const pb::FieldDescriptor* same = later.FindFieldByNumber(field.number());
    if (same != nullptr) {
      AFLUENTE_RETURN_IF_ERROR(CheckField(*same, field));
    } else if (!field.is_optional()) {
      return Contradicts(field.full_name(), "only optional fields can be removed");
    } else if (later.FindFieldByName(field.name()) != nullptr) {
      return Contradicts(field.full_name(), "a field's number cannot be changed");
    }
  }
  for (int i = 0; i < later.field_count(); ++i) {
    const pb::FieldDescriptor& field = *later.field(i);
    if (earlier.FindFieldByNumber(field.number()) == nullptr && !field.is_optional()) {
      return Contradicts(field.full_name(), "only optional fields can be added");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckProtobufRevises(const pb::Descriptor& later, const pb::Descriptor& earlier) {
  if (later.full_name() != earlier.full_name()) {
    return absl::InvalidArgumentError(
        Concat("the message ", earlier.full_name(), " was renamed to ", later.full_name()));
  }
  return Revision().Check(later, earlier);
}

}  // namespace afluente::schema
