#include "warehouse/bigquery/storage_writer.h"

#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/bigquery/row_proto.h"
#include "warehouse/bigquery/storage_channel.h"
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

StorageWriter::StorageWriter(AccessToken token, const host::Clock& clock, StorageOptions options)
    : token_(std::move(token)),
      clock_(clock),
      options_(std::move(options)),
      channel_(DialStorage(options_)) {}

StorageWriter::~StorageWriter() = default;

absl::Status StorageWriter::WriteOnce(const RowsToWrite& rows,
                                      const std::vector<std::string>& encoded,
                                      milliseconds timeout) {
  grpc::ClientContext context;
  const std::string stream_name = StreamName(rows.table.name);
  AFLUENTE_RETURN_IF_ERROR(
      PrepareStorageCall(token_, timeout, Concat("write_stream=", stream_name), context));
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
  return FromGrpc(ended);
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
  return TryUntil(clock_, options_, deadline,
                  [&](milliseconds timeout) { return WriteOnce(rows, encoded, timeout); });
}

}  // namespace afluente::warehouse::bigquery
