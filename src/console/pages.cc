#include "console/pages.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/content_coding.h"
#include "http/problem.h"
#include "http/router.h"

namespace afluente::console {
namespace {

// Nothing from outside, nothing inline, no frame around it.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

uint32_t TakeNumber(std::string_view& archive) {
  AFLUENTE_CHECK(archive.size() >= 4);
  uint32_t number = 0;
  for (int i = 3; i >= 0; --i) number = number << 8 | static_cast<unsigned char>(archive[i]);
  archive.remove_prefix(4);
  return number;
}

std::string_view TakeBytes(std::string_view& archive, size_t size) {
  AFLUENTE_CHECK(archive.size() >= size);
  const std::string_view bytes = archive.substr(0, size);
  archive.remove_prefix(size);
  return bytes;
}

const char* TypeOf(std::string_view path) {
  if (path.ends_with(".html")) return "text/html; charset=utf-8";
  if (path.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (path.ends_with(".css")) return "text/css; charset=utf-8";
  if (path.ends_with(".svg")) return "image/svg+xml";
  return "application/octet-stream";
}

}  // namespace

Pages::Pages(std::string_view archive) {
  while (!archive.empty()) {
    const uint32_t path_size = TakeNumber(archive);
    const uint32_t size = TakeNumber(archive);
    std::string path(TakeBytes(archive, path_size));
    const std::string_view gzipped = TakeBytes(archive, size);
    // The gzip trailer's CRC and the size name the content, the same in each process.
    std::string tag = absl::StrCat("\"", size);
    for (const char c : gzipped.substr(gzipped.size() - 8))
      absl::StrAppend(&tag, absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    files_[std::move(path)] = {gzipped, tag + "\""};
  }
}

http::Response Pages::Answer(std::string_view path, const http::Request& request) const {
  const auto found = files_.find(path);
  if (found == files_.end()) return http::Problem(absl::NotFoundError("there is no such page"));
  http::Response response;
  response.headers.Add("Content-Security-Policy", kPolicy);
  response.headers.Add("X-Content-Type-Options", "nosniff");
  response.headers.Add("Referrer-Policy", "no-referrer");
  response.headers.Add("ETag", found->second.entity_tag);
  response.headers.Add("Vary", "Accept-Encoding");
  // The names of assets hold a hash of their content.
  response.headers.Add("Cache-Control", path.starts_with("assets/")
                                            ? "public, max-age=31536000, immutable"
                                            : "no-cache");
  const std::string* known = request.headers.Find("If-None-Match");
  if (known != nullptr && *known == found->second.entity_tag) {
    response.status = 304;
    return response;
  }
  response.headers.Add("Content-Type", TypeOf(path));
  const std::string* accepted = request.headers.Find("Accept-Encoding");
  if (accepted != nullptr && accepted->find("gzip") != std::string::npos) {
    response.headers.Add("Content-Encoding", "gzip");
    response.body = std::string(found->second.gzipped);
    return response;
  }
  auto plain = http::Gunzip(found->second.gzipped);
  AFLUENTE_CHECK(plain.has_value());
  response.body = *std::move(plain);
  return response;
}

void Pages::AddRoutes(http::Router& router) const {
  if (files_.empty()) return;
  const auto serve = [&router, this](const std::string& pattern, const std::string& file) {
    AFLUENTE_CHECK(
        router
            .Add("GET", pattern,
                 [this, file](http::Request request, http::PathParameters,
                              http::Responder respond) { respond(Answer(file, request)); })
            .ok());
  };
  serve("/", "index.html");
  for (const auto& [path, page] : files_) serve("/" + path, path);
}

}  // namespace afluente::console
