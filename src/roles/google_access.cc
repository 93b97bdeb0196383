#include "roles/google_access.h"

#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "host/check.h"
#include "http/connection_pool.h"
#include "identity/google_credentials.h"

namespace afluente::roles {
namespace {

constexpr std::chrono::seconds kTokenTimeout{10};

identity::Exchange Through(http::ConnectionPool& connections) {
  return [&connections](const identity::TokenRequest& request) {
    absl::StatusOr<http::Response> answer = absl::UnavailableError("not answered");
    absl::Notification done;
    connections.Send({request.method, request.url, request.headers, request.body}, kTokenTimeout,
                     [&](absl::StatusOr<http::Response> response) {
                       answer = std::move(response);
                       done.Notify();
                     });
    done.WaitForNotification();
    return answer;
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<GoogleAccess>> GoogleAccess::Find(bool emulator,
                                                                 http::ConnectionPool& connections,
                                                                 const host::Clock& clock) {
  std::unique_ptr<identity::GoogleCredentials> credentials;
  if (!emulator) {
    AFLUENTE_ASSIGN_OR_RETURN(credentials, identity::GoogleCredentials::Find(
                                               identity::GoogleCredentials::Environment::Read(),
                                               Through(connections), clock));
  }
  return std::unique_ptr<GoogleAccess>(new GoogleAccess(std::move(credentials)));
}

GoogleAccess::GoogleAccess(std::unique_ptr<identity::GoogleCredentials> credentials)
    : credentials_(std::move(credentials)) {}
GoogleAccess::~GoogleAccess() = default;

warehouse::bigquery::AccessToken GoogleAccess::token() {
  if (credentials_ == nullptr) return [] { return std::string(); };
  return [credentials = credentials_.get()] { return credentials->Token(); };
}

}  // namespace afluente::roles
