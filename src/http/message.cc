#include "http/message.h"

#include "absl/strings/match.h"

namespace afluente::http {
namespace {

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && absl::EqualsIgnoreCase(absl::string_view(a.data(), a.size()),
                                                        absl::string_view(b.data(), b.size()));
}

}  // namespace

void Headers::Set(std::string_view name, std::string value) {
  std::erase_if(entries_, [name](const auto& entry) { return SameName(entry.first, name); });
  entries_.emplace_back(std::string(name), std::move(value));
}

const std::string* Headers::Find(std::string_view name) const {
  for (const auto& entry : entries_) {
    if (SameName(entry.first, name)) return &entry.second;
  }
  return nullptr;
}

size_t Headers::Count(std::string_view name) const {
  size_t count = 0;
  for (const auto& entry : entries_) count += SameName(entry.first, name) ? 1 : 0;
  return count;
}

Response Response::Json(int status, std::string body) {
  return Text(status, "application/json", std::move(body));
}

Response Response::Text(int status, std::string content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

}  // namespace afluente::http
