#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace afluente::api {

// Which pages may read an endpoint (the Fetch standard's CORS protocol). Immutable.
class Cors {
 public:
  explicit Cors(std::vector<std::string> origins);

  bool any() const { return !origins_.empty(); }
  bool Allows(std::string_view origin) const;
  // The fields of an answer to `request`.
  void Decorate(const http::Request& request, http::Response& response) const;
  // The answer to OPTIONS, preflight or not.
  http::Response Options(const http::Request& request) const;

 private:
  const std::vector<std::string> origins_;
  bool everyone_ = false;
};

}  // namespace afluente::api
