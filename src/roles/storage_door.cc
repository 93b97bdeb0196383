#include "roles/storage_door.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "host/check.h"
#include "http/gate.h"
#include "spec/spec.h"

namespace afluente::roles {
namespace {

// Readers need viewer, writers publisher, and both the dataset's policy.
warehouse::storage::AdmitCaller AdmitBy(http::Gate& gate) {
  return [&gate](const std::string& authorization, const warehouse::TableName& table, bool write) {
    const http::Role role = write ? http::Role::kPublisher : http::Role::kViewer;
    return http::CheckAndWait(gate, {authorization, role, {table.dataset}});
  };
}

}  // namespace

absl::StatusOr<StorageOpened> OpenStorageDoor(const spec::Spec& spec,
                                              const warehouse::storage::StorageParts& parts,
                                              http::Gate* gate, const std::string& address) {
  warehouse::storage::AdmitCaller admit;
  if (gate != nullptr) admit = AdmitBy(*gate);
  StorageOpened opened;
  AFLUENTE_ASSIGN_OR_RETURN(opened.door,
                            warehouse::storage::StorageDoor::Create(parts, std::move(admit)));
  const std::string certificate = spec.tls ? spec.tls->certificate_file : "";
  const std::string key = spec.tls ? spec.tls->key_file : "";
  AFLUENTE_ASSIGN_OR_RETURN(opened.port, opened.door->Listen(address, certificate, key));
  return opened;
}

}  // namespace afluente::roles
