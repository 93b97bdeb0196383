#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace afluente::http {

// The reason phrase of a status code (RFC 9110); "Unknown" where there is none.
std::string_view ReasonPhrase(int status);

struct HeadOptions {
  bool keep_alive = true;
  bool http_1_0 = false;
  bool chunked = false;   // no Content-Length
  std::string_view date;  // IMF-fixdate
};

// Appends the status line and the header fields of `response`. Content-Length, Connection and Date
// are written here and dropped from the response's own fields; CR, LF and NUL in values become
// spaces, so no value can start a field of its own.
void AppendHead(std::string& out, const Response& response, const HeadOptions& options);

// The line before a chunk's bytes (RFC 9112, 7.1).
void AppendChunkSize(std::string& out, size_t size);

// "Tue, 24 Nov 2026 08:00:00 GMT".
std::string HttpDate(long long unix_seconds);

}  // namespace afluente::http
