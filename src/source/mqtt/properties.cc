#include "source/mqtt/properties.h"

#include "absl/strings/str_cat.h"
#include "telemetry/json_string.h"

namespace afluente::source::mqtt {
namespace {

enum class Form { kByte, kTwo, kFour, kVariable, kText, kBinary, kPair };

constexpr uint32_t Set(std::initializer_list<Place> places) {
  uint32_t set = 0;
  for (Place place : places) set |= static_cast<uint32_t>(place);
  return set;
}

struct Rule {
  PropertyId id;
  Form form;
  uint32_t places;
};

constexpr uint32_t kMessage = Set({Place::kPublish, Place::kWill});
constexpr uint32_t kConnack = Set({Place::kConnack});
constexpr uint32_t kConnectOnly = Set({Place::kConnect});
constexpr uint32_t kAnywhere = ~uint32_t{0};

// MQTT 5, table 2-4.
constexpr Rule kRules[] = {
    {PropertyId::kPayloadFormat, Form::kByte, kMessage},
    {PropertyId::kMessageExpiry, Form::kFour, kMessage},
    {PropertyId::kContentType, Form::kText, kMessage},
    {PropertyId::kResponseTopic, Form::kText, kMessage},
    {PropertyId::kCorrelationData, Form::kBinary, kMessage},
    {PropertyId::kSubscriptionId, Form::kVariable, Set({Place::kPublish, Place::kSubscribe})},
    {PropertyId::kSessionExpiry, Form::kFour,
     Set({Place::kConnect, Place::kConnack, Place::kDisconnect})},
    {PropertyId::kAssignedClientId, Form::kText, kConnack},
    {PropertyId::kServerKeepAlive, Form::kTwo, kConnack},
    {PropertyId::kAuthenticationMethod, Form::kText,
     Set({Place::kConnect, Place::kConnack, Place::kAuth})},
    {PropertyId::kAuthenticationData, Form::kBinary,
     Set({Place::kConnect, Place::kConnack, Place::kAuth})},
    {PropertyId::kRequestProblem, Form::kByte, kConnectOnly},
    {PropertyId::kWillDelay, Form::kFour, Set({Place::kWill})},
    {PropertyId::kRequestResponse, Form::kByte, kConnectOnly},
    {PropertyId::kResponseInformation, Form::kText, kConnack},
    {PropertyId::kServerReference, Form::kText, Set({Place::kConnack, Place::kDisconnect})},
    {PropertyId::kReasonString, Form::kText,
     Set({Place::kConnack, Place::kAck, Place::kSuback, Place::kDisconnect, Place::kAuth})},
    {PropertyId::kReceiveMaximum, Form::kTwo, Set({Place::kConnect, Place::kConnack})},
    {PropertyId::kTopicAliasMaximum, Form::kTwo, Set({Place::kConnect, Place::kConnack})},
    {PropertyId::kTopicAlias, Form::kTwo, Set({Place::kPublish})},
    {PropertyId::kMaximumQos, Form::kByte, kConnack},
    {PropertyId::kRetainAvailable, Form::kByte, kConnack},
    {PropertyId::kUserProperty, Form::kPair, kAnywhere},
    {PropertyId::kMaximumPacketSize, Form::kFour, Set({Place::kConnect, Place::kConnack})},
    {PropertyId::kWildcardAvailable, Form::kByte, kConnack},
    {PropertyId::kSubscriptionIdAvailable, Form::kByte, kConnack},
    {PropertyId::kSharedAvailable, Form::kByte, kConnack},
};

const Rule* FindRule(uint32_t id) {
  for (const Rule& rule : kRules) {
    if (static_cast<uint32_t>(rule.id) == id) return &rule;
  }
  return nullptr;
}

// Values that the standard calls a protocol error.
bool IsForbidden(const Property& property, Form form) {
  switch (property.id) {
    case PropertyId::kReceiveMaximum:
    case PropertyId::kMaximumPacketSize:
    case PropertyId::kSubscriptionId:
      return property.number == 0;
    default:
      return form == Form::kByte && property.number > 1;
  }
}

Property ReadOne(WireReader& reader, const Rule& rule) {
  Property property;
  property.id = rule.id;
  switch (rule.form) {
    case Form::kByte:
      property.number = reader.Byte();
      break;
    case Form::kTwo:
      property.number = reader.Two();
      break;
    case Form::kFour:
      property.number = reader.Four();
      break;
    case Form::kVariable:
      property.number = reader.Variable();
      break;
    case Form::kText:
      property.text = reader.Text();
      break;
    case Form::kBinary:
      property.text = reader.Binary();
      break;
    case Form::kPair:
      property.text = reader.Text();
      property.value = reader.Text();
      break;
  }
  return property;
}

void AppendOne(std::string& out, const Property& property, Form form) {
  const uint32_t number = property.number;
  switch (form) {
    case Form::kByte:
      out += static_cast<char>(number);
      break;
    case Form::kTwo:
      AppendTwo(out, static_cast<uint16_t>(number));
      break;
    case Form::kFour:
      AppendTwo(out, static_cast<uint16_t>(number >> 16));
      AppendTwo(out, static_cast<uint16_t>(number));
      break;
    case Form::kVariable:
      AppendVariable(out, number);
      break;
    case Form::kText:
    case Form::kBinary:
      AppendText(out, property.text);
      break;
    case Form::kPair:
      AppendText(out, property.text);
      AppendText(out, property.value);
      break;
  }
}

}  // namespace

void WireReader::Fail(std::string_view what) {
  if (status_.ok()) status_ = absl::InvalidArgumentError(std::string(what));
  bytes_ = {};
}

void WireReader::Violate(std::string_view what) {
  if (status_.ok()) status_ = absl::FailedPreconditionError(std::string(what));
  bytes_ = {};
}

std::string_view WireReader::Take(size_t size) {
  if (size > bytes_.size()) {
    Fail("the packet ends too early");
    return {};
  }
  const std::string_view taken = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return taken;
}

uint8_t WireReader::Byte() {
  const std::string_view byte = Take(1);
  return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
}

uint16_t WireReader::Two() {
  const uint16_t high = Byte();
  return static_cast<uint16_t>(high << 8 | Byte());
}

uint32_t WireReader::Four() {
  const uint32_t high = Two();
  return high << 16 | Two();
}

uint32_t WireReader::Variable() {
  uint32_t value = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    const uint8_t byte = Byte();
    value |= static_cast<uint32_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  Fail("a length of more than four bytes");
  return 0;
}

std::string WireReader::Binary() { return std::string(Take(Two())); }

std::string WireReader::Text() {
  std::string text = Binary();
  if (!telemetry::IsUtf8(text) || text.find('\0') != std::string::npos) {
    Fail("a string that is not UTF-8, or holds NUL");
    return "";
  }
  return text;
}

void AppendTwo(std::string& out, uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

void AppendVariable(std::string& out, uint32_t value) {
  do {
    const auto byte = static_cast<uint8_t>(value & 0x7F);
    value >>= 7;
    out += static_cast<char>(value > 0 ? byte | 0x80 : byte);
  } while (value > 0);
}

void AppendText(std::string& out, std::string_view text) {
  AppendTwo(out, static_cast<uint16_t>(text.size()));
  out += text;
}

Properties ReadProperties(WireReader& reader, Place place) {
  const uint32_t length = reader.Variable();
  WireReader inner(reader.Take(length));
  Properties properties;
  while (reader.ok() && !inner.empty()) {
    const uint32_t id = inner.Variable();
    const Rule* rule = FindRule(id);
    if (rule == nullptr || (rule->places & static_cast<uint32_t>(place)) == 0) {
      inner.Fail(absl::StrCat("property ", id, " does not belong there"));
      break;
    }
    Property property = ReadOne(inner, *rule);
    const bool repeats = rule->form == Form::kPair ||
                         (rule->id == PropertyId::kSubscriptionId && place == Place::kPublish);
    if (!repeats && FindProperty(properties, rule->id) != nullptr) {
      inner.Violate(absl::StrCat("property ", id, " is given twice"));
    }
    if (IsForbidden(property, rule->form)) {
      inner.Violate(absl::StrCat("property ", id, " has a value that it must not have"));
    }
    properties.push_back(std::move(property));
  }
  if (absl::IsFailedPrecondition(inner.status()))
    reader.Violate(std::string(inner.status().message()));
  if (!inner.ok()) reader.Fail(std::string(inner.status().message()));
  if (!reader.ok()) properties.clear();
  return properties;
}

void AppendProperties(std::string& out, const Properties& properties) {
  std::string inner;
  for (const Property& property : properties) {
    const auto id = static_cast<uint32_t>(property.id);
    AppendVariable(inner, id);
    AppendOne(inner, property, FindRule(id)->form);
  }
  AppendVariable(out, static_cast<uint32_t>(inner.size()));
  out += inner;
}

const Property* FindProperty(const Properties& properties, PropertyId id) {
  for (const Property& property : properties) {
    if (property.id == id) return &property;
  }
  return nullptr;
}

uint32_t NumberOf(const Properties& properties, PropertyId id, uint32_t otherwise) {
  const Property* found = FindProperty(properties, id);
  return found == nullptr ? otherwise : found->number;
}

}  // namespace afluente::source::mqtt
