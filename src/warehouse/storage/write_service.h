#pragma once

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>

#include <memory>
#include <string>

#include "warehouse/catalog.h"
#include "warehouse/storage/storage_door.h"
#include "warehouse/storage/write_streams.h"

namespace afluente::warehouse::storage {

// BigQueryWrite over WriteStreams: translates, never decides. Thread-safe.
class WriteService final : public google::cloud::bigquery::storage::v1::BigQueryWrite::Service {
 public:
  WriteService(WriteStreams& streams, const CatalogView& catalog, const AdmitCaller& admit)
      : streams_(streams), catalog_(catalog), admit_(admit) {}

  grpc::Status CreateWriteStream(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::CreateWriteStreamRequest* request,
      google::cloud::bigquery::storage::v1::WriteStream* answer) override;
  grpc::Status AppendRows(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<google::cloud::bigquery::storage::v1::AppendRowsResponse,
                               google::cloud::bigquery::storage::v1::AppendRowsRequest>* stream)
      override;
  grpc::Status GetWriteStream(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::GetWriteStreamRequest* request,
      google::cloud::bigquery::storage::v1::WriteStream* answer) override;
  grpc::Status FinalizeWriteStream(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::FinalizeWriteStreamRequest* request,
      google::cloud::bigquery::storage::v1::FinalizeWriteStreamResponse* answer) override;
  grpc::Status BatchCommitWriteStreams(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::BatchCommitWriteStreamsRequest* request,
      google::cloud::bigquery::storage::v1::BatchCommitWriteStreamsResponse* answer) override;
  grpc::Status FlushRows(grpc::ServerContext* context,
                         const google::cloud::bigquery::storage::v1::FlushRowsRequest* request,
                         google::cloud::bigquery::storage::v1::FlushRowsResponse* answer) override;

 private:
  // The parsed name when the caller may write there.
  absl::StatusOr<StreamName> Admit(const grpc::ServerContext& context,
                                   const std::string& name) const;

  void AddSchema(const TableName& name,
                 google::cloud::bigquery::storage::v1::WriteStream* answer) const;

  WriteStreams& streams_;
  const CatalogView& catalog_;
  const AdmitCaller& admit_;
};

// The rows of a staged request again; what WriteStreams asks for.
absl::StatusOr<std::vector<IncomingRow>> RestageRows(const std::string& staged,
                                                     const TableSchema& table);

// The `authorization` of a call, or "".
std::string AuthorizationOf(const grpc::ServerContext& context);

}  // namespace afluente::warehouse::storage
