#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace afluente::host {
class Cancellation;
}

namespace afluente::http {

// Header fields in arrival order; names compare without case.
class Headers {
 public:
  void Add(std::string name, std::string value) {
    entries_.emplace_back(std::move(name), std::move(value));
  }
  void Set(std::string_view name, std::string value);
  // The first value of `name`, or nullptr.
  const std::string* Find(std::string_view name) const;
  size_t Count(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

struct Request {
  std::string method;
  std::string target;                                      // as sent: path and query, still encoded
  std::string path;                                        // the path of `target`, still encoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  Headers headers;
  std::string body;
  std::string remote_address;
  bool tls = false;  // it came under TLS
  // Cancelled when the peer goes before its answer. Shared with the connection; may be nullptr.
  std::shared_ptr<host::Cancellation> cancellation = nullptr;
};

class BodyStream;

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // Instead of a body: what its writer gives, in chunks, until it ends. Shared with the writer.
  std::shared_ptr<BodyStream> stream = nullptr;

  static Response Json(int status, std::string body);
  static Response Text(int status, std::string content_type, std::string body);
};

}  // namespace afluente::http
