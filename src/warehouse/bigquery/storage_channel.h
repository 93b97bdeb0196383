#pragma once

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "host/clock.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/bigquery/storage_writer.h"

// What calls of the Storage Write API have in common.
namespace afluente::warehouse::bigquery {

struct StorageChannel {
  std::shared_ptr<grpc::Channel> channel;  // as gRPC has it
  std::unique_ptr<google::cloud::bigquery::storage::v1::BigQueryWrite::Stub> stub;
};
// Connects at the first call.
std::unique_ptr<StorageChannel> DialStorage(const StorageOptions& options);

// Deadline, token, and the header by which the service finds the resource's home.
absl::Status PrepareStorageCall(const AccessToken& token, std::chrono::milliseconds timeout,
                                const std::string& resource, grpc::ClientContext& context);

absl::Status FromGrpc(const grpc::Status& status);
// INVALID_ARGUMENT names the first row that is refused.
absl::Status StatusOf(const google::cloud::bigquery::storage::v1::AppendRowsResponse& response);

// Makes attempts, with pauses between, until one does not fail as Google calls transient, or the
// deadline comes. Each gets the time that it may take.
absl::Status TryUntil(const host::Clock& clock, const StorageOptions& options,
                      host::MonotonicTime deadline,
                      absl::FunctionRef<absl::Status(std::chrono::milliseconds timeout)> attempt);

}  // namespace afluente::warehouse::bigquery
