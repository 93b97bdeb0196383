#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "http/message.h"

namespace afluente::http {
class Router;
}

namespace afluente::console {

// The browser's pages out of the archive that web/pack.mjs writes: for each file its path's length
// and the gzipped bytes' length (32 bits, little endian), the path, the bytes. Immutable; the
// archive outlives it.
class Pages {
 public:
  // Aborts on an archive that is cut: it is part of the program.
  explicit Pages(std::string_view archive);
  // GET of each file, and of "/" (index.html). Does nothing for an empty archive.
  void AddRoutes(http::Router& router) const;
  // 404 when there is no such file, 304 when the caller has it, else its bytes.
  http::Response Answer(std::string_view path, const http::Request& request) const;

 private:
  struct Page {
    std::string_view gzipped;
    std::string entity_tag;
  };
  std::map<std::string, Page, std::less<>> files_;
};

}  // namespace afluente::console
