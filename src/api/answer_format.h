#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afluente::api {

enum class AnswerFormat { kJson, kNdjson, kCsv, kArrow, kParquet };

// A format as requests and answers name it.
struct FormatName {
  AnswerFormat format;
  std::string_view media_type;  // without parameters
  std::string_view suffix;      // of the path
  bool binary = false;          // no text to look at
};
// In the order of preference.
const std::vector<FormatName>& OfferedFormats();
// Their media types, for messages.
std::string OfferedTypes();

std::string_view ContentType(AnswerFormat format);
// What is compressed within itself is not compressed again.
bool IsCompressible(AnswerFormat format);

// The format that an Accept header (RFC 9110, 12.5.1) likes best, JSON where it does not care;
// nullopt when it takes none. An empty header takes anything.
std::optional<AnswerFormat> NegotiateFormat(std::string_view accept);

// It names server-sent events, which only who tails an endpoint does.
bool WantsEvents(std::string_view accept);

}  // namespace afluente::api
