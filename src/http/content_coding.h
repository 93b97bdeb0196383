#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace afluente::http {

enum class ContentCoding { kIdentity, kGzip, kZstd };

// The coding that an Accept-Encoding header (RFC 9110, 12.5.3) likes best of ours, zstd before gzip
// where it likes both the same. Identity when it likes none, or there is no header.
ContentCoding NegotiateCoding(std::string_view accept_encoding);

// Compresses the body of `response` and says so in its header, where that makes it smaller and it
// is not a small one. Blocks for as long as that takes.
void EncodeBody(ContentCoding coding, Response& response);

// The plain bytes of what Gzip or our own build packed; nullopt when it is none or unpacks to more
// than 16 MiB.
std::optional<std::string> Gunzip(std::string_view packed);

}  // namespace afluente::http
