#include "warehouse/bigquery/storage_writer.h"

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"
#include "warehouse/bigquery/row_proto.h"
#include "warehouse/bigquery/table_resource.h"

namespace afluente::warehouse::bigquery {
namespace {

using schema::Concat;
using std::chrono::milliseconds;
namespace storage = google::cloud::bigquery::storage::v1;

// A request may have 10 MB with its head.
constexpr size_t kRequestBytesMax = 8 << 20;

std::string StreamName(const TableName& table) {
  return Concat("projects/", table.project, "/datasets/", table.dataset, "/tables/", table.table,
                "/streams/_default");
}

absl::Status FromGrpc(int code, const std::string& message) {
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

bool MayTryAgain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsInternal(status) || absl::IsAborted(status) || absl::IsDeadlineExceeded(status);
}

absl::Status StatusOf(const storage::AppendRowsResponse& response) {
  if (response.row_errors_size() > 0) {
    const storage::RowError& first = response.row_errors(0);
    return absl::InvalidArgumentError(Concat("row ", first.index(), ": ", first.message()));
  }
  if (!response.has_error()) return absl::OkStatus();
  return FromGrpc(response.error().code(), response.error().message());
}

// The rows from `at` on that fit into a request.
void AddRows(const std::vector<std::string>& encoded, size_t& at, storage::ProtoRows* rows) {
  size_t bytes = 0;
  do {
    bytes += encoded[at].size();
    rows->add_serialized_rows(encoded[at]);
    ++at;
  } while (at < encoded.size() && bytes + encoded[at].size() <= kRequestBytesMax);
}

}  // namespace

struct StorageWriter::Channel {
  std::shared_ptr<grpc::Channel> channel;  // as gRPC has it
  std::unique_ptr<storage::BigQueryWrite::Stub> stub;
};

StorageWriter::StorageWriter(AccessToken token, const host::Clock& clock, StorageOptions options)
    : token_(std::move(token)),
      clock_(clock),
      options_(std::move(options)),
      channel_(std::make_unique<Channel>()) {
  std::shared_ptr<grpc::ChannelCredentials> credentials =
      options_.plaintext ? grpc::InsecureChannelCredentials()
                         : grpc::SslCredentials(grpc::SslCredentialsOptions());
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(16 << 20);
  channel_->channel = grpc::CreateCustomChannel(options_.endpoint, credentials, arguments);
  channel_->stub = storage::BigQueryWrite::NewStub(channel_->channel);
}

StorageWriter::~StorageWriter() = default;

absl::Status StorageWriter::WriteOnce(const RowsToWrite& rows,
                                      const std::vector<std::string>& encoded,
                                      milliseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  AFLUENTE_ASSIGN_OR_RETURN(const std::string token, token_());
  if (!token.empty()) context.AddMetadata("authorization", Concat("Bearer ", token));
  const std::string stream_name = StreamName(rows.table.name);
  // By this header the service finds the stream's home.
  context.AddMetadata("x-goog-request-params", Concat("write_stream=", stream_name));
  const auto stream = channel_->stub->AppendRows(&context);
  absl::Status refused;
  for (size_t at = 0; at < encoded.size() && refused.ok();) {
    storage::AppendRowsRequest request;
    request.set_write_stream(stream_name);
    auto* proto_rows = request.mutable_proto_rows();
    if (at == 0) {
      RowProto(StoredColumns(rows.table), rows.upsert)
          .Describe(proto_rows->mutable_writer_schema()->mutable_proto_descriptor());
    }
    AddRows(encoded, at, proto_rows->mutable_rows());
    storage::AppendRowsResponse response;
    if (!stream->Write(request) || !stream->Read(&response)) break;
    refused = StatusOf(response);
  }
  stream->WritesDone();
  const grpc::Status ended = stream->Finish();
  if (!refused.ok()) return refused;
  return FromGrpc(static_cast<int>(ended.error_code()), ended.error_message());
}

absl::Status StorageWriter::Write(const RowsToWrite& rows, host::MonotonicTime deadline) {
  const RowProto proto(StoredColumns(rows.table), rows.upsert);
  std::vector<std::string> encoded;
  encoded.reserve(rows.rows.size());
  for (const auto& row : rows.rows) {
    encoded.push_back(proto.Encode(row, rows.version));
    if (encoded.back().size() > kRequestBytesMax) {
      return absl::InvalidArgumentError(
          Concat("row ", encoded.size() - 1, " is larger than ", kRequestBytesMax, " bytes"));
    }
  }
  milliseconds pause = options_.pause_first;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock_.Monotonic());
    if (left <= milliseconds(0)) return absl::DeadlineExceededError("no time left to write rows");
    const absl::Status status = WriteOnce(rows, encoded, std::min(left, options_.attempt_timeout));
    if (status.ok() || !MayTryAgain(status)) return status;
    const milliseconds wait(host::RandomUint64() % static_cast<uint64_t>(pause.count()) + 1);
    if (clock_.Monotonic() + wait >= deadline) return status;
    std::this_thread::sleep_for(wait);
    pause = std::min(pause * 2, options_.pause_max);
  }
}

}  // namespace afluente::warehouse::bigquery
