#pragma once

#include <cstdint>

#include "broker/bytes.h"
#include "broker/resources.h"

// Settings as the journal's records and the snapshot hold them (docs/formats/broker-records.md).
namespace afluente::broker {

// Of records and snapshots alike. Version 1 lacks what settings got since; it is still read.
inline constexpr uint8_t kFormatVersion = 3;

void WriteSettings(ByteWriter& writer, const TopicSettings& settings);
void WriteSettings(ByteWriter& writer, const SubscriptionSettings& settings);
TopicSettings ReadTopicSettings(ByteReader& reader, uint8_t version);
SubscriptionSettings ReadSubscriptionSettings(ByteReader& reader, uint8_t version);

void WriteLabels(ByteWriter& writer, const std::map<std::string, std::string>& labels);
std::map<std::string, std::string> ReadLabels(ByteReader& reader);

}  // namespace afluente::broker
