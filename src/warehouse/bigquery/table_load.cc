#include "warehouse/bigquery/table_load.h"

#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/bigquery/row_proto.h"
#include "warehouse/bigquery/storage_channel.h"

namespace afluente::warehouse::bigquery {
namespace {

using schema::Concat;
using std::chrono::milliseconds;
namespace storage = google::cloud::bigquery::storage::v1;

constexpr std::chrono::seconds kPatience{120};

std::string Resource(const TableName& table) {
  return Concat("projects/", table.project, "/datasets/", table.dataset, "/tables/", table.table);
}

}  // namespace

TableLoad::TableLoad(const Parts& parts, TableName table, std::vector<schema::Column> columns)
    : parts_(parts),
      table_(Resource(table)),
      columns_(std::move(columns)),
      channel_(DialStorage(parts.options)) {}

TableLoad::~TableLoad() = default;

absl::StatusOr<std::unique_ptr<TableLoad>> TableLoad::Begin(const Parts& parts, TableName table,
                                                            std::vector<schema::Column> columns) {
  std::unique_ptr<TableLoad> load(new TableLoad(parts, std::move(table), std::move(columns)));
  AFLUENTE_RETURN_IF_ERROR(load->Create());
  return load;
}

absl::StatusOr<std::unique_ptr<TableLoad>> TableLoad::Resume(const Parts& parts, TableName table,
                                                             std::vector<schema::Column> columns,
                                                             std::string stream) {
  std::unique_ptr<TableLoad> load(new TableLoad(parts, std::move(table), std::move(columns)));
  load->stream_ = std::move(stream);
  AFLUENTE_RETURN_IF_ERROR(load->Look());
  return load;
}

host::MonotonicTime TableLoad::Deadline() const { return parts_.clock.Monotonic() + kPatience; }

absl::Status TableLoad::Create() {
  // A stream that is made twice is one that nobody commits.
  return TryUntil(parts_.clock, parts_.options, Deadline(), [&](milliseconds timeout) {
    grpc::ClientContext context;
    AFLUENTE_RETURN_IF_ERROR(
        PrepareStorageCall(parts_.token, timeout, Concat("parent=", table_), context));
    storage::CreateWriteStreamRequest request;
    request.set_parent(table_);
    request.mutable_write_stream()->set_type(storage::WriteStream::PENDING);
    storage::WriteStream made;
    AFLUENTE_RETURN_IF_ERROR(FromGrpc(channel_->stub->CreateWriteStream(&context, request, &made)));
    stream_ = made.name();
    return absl::OkStatus();
  });
}

absl::Status TableLoad::Look() {
  return TryUntil(parts_.clock, parts_.options, Deadline(), [&](milliseconds timeout) {
    grpc::ClientContext context;
    AFLUENTE_RETURN_IF_ERROR(
        PrepareStorageCall(parts_.token, timeout, Concat("name=", stream_), context));
    storage::GetWriteStreamRequest request;
    request.set_name(stream_);
    storage::WriteStream found;
    AFLUENTE_RETURN_IF_ERROR(FromGrpc(channel_->stub->GetWriteStream(&context, request, &found)));
    committed_ = found.has_commit_time();
    return absl::OkStatus();
  });
}

absl::Status TableLoad::Append(uint64_t offset,
                               const std::vector<std::vector<schema::Value>>& rows) {
  const RowProto proto(columns_, /*upsert=*/false);
  storage::AppendRowsRequest request;
  request.set_write_stream(stream_);
  request.mutable_offset()->set_value(static_cast<int64_t>(offset));
  auto* proto_rows = request.mutable_proto_rows();
  proto.Describe(proto_rows->mutable_writer_schema()->mutable_proto_descriptor());
  for (const auto& row : rows) {
    proto_rows->mutable_rows()->add_serialized_rows(proto.Encode(row, ""));
  }
  const absl::Status status =
      TryUntil(parts_.clock, parts_.options, Deadline(),
               [&](milliseconds timeout) { return AppendOnce(request, timeout); });
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status TableLoad::AppendOnce(const storage::AppendRowsRequest& request,
                                   milliseconds timeout) {
  grpc::ClientContext context;
  AFLUENTE_RETURN_IF_ERROR(
      PrepareStorageCall(parts_.token, timeout, Concat("write_stream=", stream_), context));
  const auto stream = channel_->stub->AppendRows(&context);
  storage::AppendRowsResponse response;
  absl::Status refused;
  if (stream->Write(request) && stream->Read(&response)) refused = StatusOf(response);
  stream->WritesDone();
  const grpc::Status ended = stream->Finish();
  return refused.ok() ? FromGrpc(ended) : refused;
}

absl::Status TableLoad::Commit() {
  const absl::Status status = TryUntil(parts_.clock, parts_.options, Deadline(),
                                       [&](milliseconds timeout) { return CommitOnce(timeout); });
  committed_ = status.ok();
  return status;
}

absl::Status TableLoad::CommitOnce(milliseconds timeout) {
  AFLUENTE_RETURN_IF_ERROR(Look());  // the attempt before may have done it
  if (committed_) return absl::OkStatus();
  {
    grpc::ClientContext context;
    AFLUENTE_RETURN_IF_ERROR(
        PrepareStorageCall(parts_.token, timeout, Concat("name=", stream_), context));
    storage::FinalizeWriteStreamRequest request;
    request.set_name(stream_);
    storage::FinalizeWriteStreamResponse response;
    AFLUENTE_RETURN_IF_ERROR(
        FromGrpc(channel_->stub->FinalizeWriteStream(&context, request, &response)));
  }
  grpc::ClientContext context;
  AFLUENTE_RETURN_IF_ERROR(
      PrepareStorageCall(parts_.token, timeout, Concat("parent=", table_), context));
  storage::BatchCommitWriteStreamsRequest request;
  request.set_parent(table_);
  request.add_write_streams(stream_);
  storage::BatchCommitWriteStreamsResponse response;
  AFLUENTE_RETURN_IF_ERROR(
      FromGrpc(channel_->stub->BatchCommitWriteStreams(&context, request, &response)));
  if (response.has_commit_time()) return absl::OkStatus();
  return absl::FailedPreconditionError(response.stream_errors_size() == 0
                                           ? "the stream is not committed"
                                           : response.stream_errors(0).error_message());
}

}  // namespace afluente::warehouse::bigquery
