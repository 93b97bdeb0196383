#pragma once

#include <google/cloud/bigquery/storage/v1/storage.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "warehouse/storage/write_streams.h"

namespace afluente::warehouse::storage {

// A status as a google.rpc.Status, with the StorageError that it carries as a detail: what clients
// look at to tell an offset that exists from another conflict.
inline google::rpc::Status ToRpcStatus(const absl::Status& status, const std::string& entity) {
  google::rpc::Status rpc;
  rpc.set_code(static_cast<int>(status.code()));
  rpc.set_message(std::string(status.message()));
  const auto reason = status.GetPayload(kStorageError);
  if (!reason.has_value()) return rpc;
  google::cloud::bigquery::storage::v1::StorageError error;
  error.set_code(static_cast<google::cloud::bigquery::storage::v1::StorageError::StorageErrorCode>(
      std::stoi(std::string(*reason))));
  error.set_entity(entity);
  error.set_error_message(std::string(status.message()));
  rpc.add_details()->PackFrom(error);
  return rpc;
}

inline grpc::Status ToGrpcStatus(const absl::Status& status, const std::string& entity) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      ToRpcStatus(status, entity).SerializeAsString());
}

}  // namespace afluente::warehouse::storage
