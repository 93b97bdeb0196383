#pragma once

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>

#include "warehouse/storage/read_sessions.h"
#include "warehouse/storage/storage_door.h"

namespace afluente::warehouse::storage {

// BigQueryRead over ReadSessions: translates, never decides. Thread-safe.
class ReadService final : public google::cloud::bigquery::storage::v1::BigQueryRead::Service {
 public:
  ReadService(ReadSessions& sessions, const AdmitCaller& admit)
      : sessions_(sessions), admit_(admit) {}

  grpc::Status CreateReadSession(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::CreateReadSessionRequest* request,
      google::cloud::bigquery::storage::v1::ReadSession* answer) override;
  grpc::Status ReadRows(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::ReadRowsRequest* request,
      grpc::ServerWriter<google::cloud::bigquery::storage::v1::ReadRowsResponse>* writer) override;
  // No stream is split: the answer is empty, as Google's is for a stream that cannot be.
  grpc::Status SplitReadStream(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::SplitReadStreamRequest* request,
      google::cloud::bigquery::storage::v1::SplitReadStreamResponse* answer) override;

 private:
  ReadSessions& sessions_;
  const AdmitCaller& admit_;
};

}  // namespace afluente::warehouse::storage
