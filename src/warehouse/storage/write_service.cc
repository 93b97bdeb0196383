#include "warehouse/storage/write_service.h"

#include <optional>
#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/storage/grpc_status.h"
#include "warehouse/storage/table_schema_proto.h"

namespace afluente::warehouse::storage {
namespace {

namespace v1 = google::cloud::bigquery::storage::v1;
using schema::Concat;

v1::WriteStream::Type ToProto(StreamType type) {
  switch (type) {
    case StreamType::kPending:
      return v1::WriteStream::PENDING;
    case StreamType::kBuffered:
      return v1::WriteStream::BUFFERED;
    default:
      return v1::WriteStream::COMMITTED;
  }
}

absl::StatusOr<StreamType> FromProto(v1::WriteStream::Type type) {
  switch (type) {
    case v1::WriteStream::COMMITTED:
      return StreamType::kCommitted;
    case v1::WriteStream::PENDING:
      return StreamType::kPending;
    case v1::WriteStream::BUFFERED:
      return StreamType::kBuffered;
    default:
      return absl::InvalidArgumentError(
          "write_stream.type: expected COMMITTED, PENDING or BUFFERED");
  }
}

void SetTime(int64_t micros, google::protobuf::Timestamp* time) {
  time->set_seconds(micros / 1'000'000);
  time->set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1'000);
}

void Fill(const StreamState& state, v1::WriteStream* answer) {
  answer->set_name(state.Name());
  answer->set_type(ToProto(state.type));
  answer->set_write_mode(v1::WriteStream::INSERT);
  answer->set_location("US");
  if (state.created_us > 0) SetTime(state.created_us, answer->mutable_create_time());
  if (state.committed_us > 0) SetTime(state.committed_us, answer->mutable_commit_time());
}

// What a row's failure is called when it is one row's.
struct RowFailure {
  int64_t index = 0;
  absl::Status status;
};

// The requests of one AppendRows call: the stream and the schema are told once.
class AppendCall {
 public:
  AppendCall(WriteStreams& streams, const CatalogView& catalog)
      : streams_(streams), catalog_(catalog) {}

  // The answer to one request; an error here ends the call.
  absl::StatusOr<v1::AppendRowsResponse> Answer(const v1::AppendRowsRequest& request,
                                                const StreamName& name) {
    v1::AppendRowsResponse response;
    StreamState named;
    named.table = name.table;
    named.id = name.id;
    response.set_write_stream(named.Name());
    std::optional<RowFailure> failure;
    const auto offset = Append(request, name, failure);
    if (offset.ok()) {
      auto* result = response.mutable_append_result();
      if (offset->has_value()) result->mutable_offset()->set_value(**offset);
      return response;
    }
    *response.mutable_error() = ToRpcStatus(offset.status(), named.Name());
    if (failure.has_value()) {
      v1::RowError* error = response.add_row_errors();
      error->set_index(failure->index);
      error->set_code(v1::RowError::FIELDS_ERROR);
      error->set_message(std::string(failure->status.message()));
    }
    return response;
  }

 private:
  absl::StatusOr<std::optional<int64_t>> Append(const v1::AppendRowsRequest& request,
                                                const StreamName& name,
                                                std::optional<RowFailure>& failure) {
    const std::optional<TableSchema> table = catalog_.FindTable(name.table);
    if (!table.has_value()) {
      return StorageError(absl::StatusCode::kNotFound, StorageErrorCode::kTableNotFound,
                          Concat("Requested entity was not found: table ", name.table.ToString()));
    }
    if (request.has_arrow_rows())
      return absl::UnimplementedError("arrow_rows are not supported: send proto_rows");
    if (request.proto_rows().has_writer_schema()) {
      schema_ = request.proto_rows().writer_schema();
      reader_ = nullptr;
    }
    if (reader_ == nullptr || read_for_ != table->columns) AFLUENTE_RETURN_IF_ERROR(Learn(*table));
    RowsToAppend rows;
    AFLUENTE_ASSIGN_OR_RETURN(rows.rows, ReadProto(request, *table, failure));
    if (rows.rows.empty()) return absl::InvalidArgumentError("the request has no rows");
    rows.staged = Staged(request);
    std::optional<int64_t> offset;
    if (request.has_offset()) offset = request.offset().value();
    return streams_.Append(name, std::move(rows), offset);
  }

  absl::StatusOr<std::vector<IncomingRow>> ReadProto(const v1::AppendRowsRequest& request,
                                                     const TableSchema& table,
                                                     std::optional<RowFailure>& failure) const {
    std::vector<IncomingRow> rows;
    for (const std::string& bytes : request.proto_rows().rows().serialized_rows()) {
      auto row = reader_->Decode(bytes);
      const absl::Status fits = row.ok() ? CheckRequired(*row, table) : row.status();
      if (!fits.ok()) return Failed(rows.size(), fits, failure);
      rows.push_back(*std::move(row));
    }
    return rows;
  }

  static absl::Status Failed(size_t row, const absl::Status& why,
                             std::optional<RowFailure>& failure) {
    failure = RowFailure{static_cast<int64_t>(row), why};
    return absl::InvalidArgumentError(
        Concat("Errors found while processing rows. Row ", row, ": ", std::string(why.message())));
  }

  absl::Status Learn(const TableSchema& table) {
    if (!schema_.has_proto_descriptor())
      return absl::InvalidArgumentError("the first request of a call tells its writer_schema");
    reader_ = nullptr;
    auto reader = ProtoRows::Create(schema_.proto_descriptor(), table);
    const absl::Status learnt = reader.status();
    if (reader.ok()) reader_ = *std::move(reader);
    if (learnt.GetPayload(kExtraFieldsPayload).has_value()) {
      return StorageError(absl::StatusCode::kInvalidArgument, StorageErrorCode::kExtraFields,
                          std::string(learnt.message()));
    }
    read_for_ = table.columns;
    return learnt;
  }

  static absl::Status CheckRequired(const IncomingRow& row, const TableSchema& table) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].mode == schema::Mode::kRequired && row.values[i].is_null()) {
        return absl::InvalidArgumentError(
            Concat("Field ", table.columns[i].name, ": required, but the row has no value"));
      }
    }
    return absl::OkStatus();
  }

  // With its schema, so that it stands alone.
  std::string Staged(const v1::AppendRowsRequest& request) const {
    v1::AppendRowsRequest::ProtoData staged;
    *staged.mutable_writer_schema() = schema_;
    *staged.mutable_rows() = request.proto_rows().rows();
    return staged.SerializeAsString();
  }

  WriteStreams& streams_;
  const CatalogView& catalog_;
  v1::ProtoSchema schema_;
  std::unique_ptr<ProtoRows> reader_;
  std::vector<schema::Column> read_for_;
};

}  // namespace

std::string AuthorizationOf(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  if (metadata.count("authorization") != 1) return "";
  const auto& value = metadata.find("authorization")->second;
  return std::string(value.data(), value.size());
}

absl::StatusOr<std::vector<IncomingRow>> RestageRows(const std::string& staged,
                                                     const TableSchema& table) {
  const absl::Status damaged = absl::DataLossError("rows of a write stream are damaged");
  v1::AppendRowsRequest::ProtoData data;
  if (!data.ParseFromString(staged)) return damaged;
  AFLUENTE_ASSIGN_OR_RETURN(const auto reader,
                            ProtoRows::Create(data.writer_schema().proto_descriptor(), table));
  std::vector<IncomingRow> rows;
  for (const std::string& bytes : data.rows().serialized_rows()) {
    AFLUENTE_ASSIGN_OR_RETURN(IncomingRow row, reader->Decode(bytes));
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::StatusOr<StreamName> WriteService::Admit(const grpc::ServerContext& context,
                                               const std::string& name) const {
  AFLUENTE_ASSIGN_OR_RETURN(StreamName parsed, ParseName(name));
  if (admit_) AFLUENTE_RETURN_IF_ERROR(admit_(AuthorizationOf(context), parsed.table, true));
  return parsed;
}

void WriteService::AddSchema(const TableName& name, v1::WriteStream* answer) const {
  const std::optional<TableSchema> table = catalog_.FindTable(name);
  if (table) FillTableSchema(table->columns, answer->mutable_table_schema());
}

grpc::Status WriteService::CreateWriteStream(grpc::ServerContext* context,
                                             const v1::CreateWriteStreamRequest* request,
                                             v1::WriteStream* answer) {
  const auto name = Admit(*context, request->parent());
  if (!name.ok()) return ToGrpcStatus(name.status(), request->parent());
  const auto type = FromProto(request->write_stream().type());
  if (!type.ok()) return ToGrpcStatus(type.status(), request->parent());
  const auto state = streams_.Create(name->table, *type);
  if (!state.ok()) return ToGrpcStatus(state.status(), request->parent());
  Fill(*state, answer);
  AddSchema(name->table, answer);
  return grpc::Status::OK;
}

grpc::Status WriteService::AppendRows(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::AppendRowsResponse, v1::AppendRowsRequest>* stream) {
  v1::AppendRowsRequest request;
  AppendCall call(streams_, catalog_);
  std::optional<StreamName> name;
  std::string named;
  while (stream->Read(&request)) {
    if (!request.write_stream().empty() && request.write_stream() != named) {
      auto parsed = Admit(*context, request.write_stream());
      if (parsed.ok() && parsed->id.empty()) {
        parsed = absl::InvalidArgumentError("write_stream: expected a stream's name");
      }
      if (!parsed.ok()) return ToGrpcStatus(parsed.status(), request.write_stream());
      name = *std::move(parsed);
      named = request.write_stream();
    }
    if (!name.has_value()) {
      return ToGrpcStatus(absl::InvalidArgumentError("the first request names its write_stream"),
                          "");
    }
    const auto answer = call.Answer(request, *name);
    if (!answer.ok()) return ToGrpcStatus(answer.status(), named);
    if (!stream->Write(*answer)) break;
  }
  return grpc::Status::OK;
}

grpc::Status WriteService::GetWriteStream(grpc::ServerContext* context,
                                          const v1::GetWriteStreamRequest* request,
                                          v1::WriteStream* answer) {
  const auto name = Admit(*context, request->name());
  if (!name.ok()) return ToGrpcStatus(name.status(), request->name());
  const auto state = streams_.Get(*name);
  if (!state.ok()) return ToGrpcStatus(state.status(), request->name());
  Fill(*state, answer);
  if (request->view() == v1::FULL) AddSchema(name->table, answer);
  return grpc::Status::OK;
}

grpc::Status WriteService::FinalizeWriteStream(grpc::ServerContext* context,
                                               const v1::FinalizeWriteStreamRequest* request,
                                               v1::FinalizeWriteStreamResponse* answer) {
  const auto name = Admit(*context, request->name());
  if (!name.ok()) return ToGrpcStatus(name.status(), request->name());
  const auto rows = streams_.Finalize(*name);
  if (!rows.ok()) return ToGrpcStatus(rows.status(), request->name());
  answer->set_row_count(*rows);
  return grpc::Status::OK;
}

grpc::Status WriteService::BatchCommitWriteStreams(
    grpc::ServerContext* context, const v1::BatchCommitWriteStreamsRequest* request,
    v1::BatchCommitWriteStreamsResponse* answer) {
  const auto name = Admit(*context, request->parent());
  if (!name.ok()) return ToGrpcStatus(name.status(), request->parent());
  const auto commit = streams_.BatchCommit(
      name->table, {request->write_streams().begin(), request->write_streams().end()});
  if (!commit.ok()) return ToGrpcStatus(commit.status(), request->parent());
  if (commit->errors.empty()) SetTime(commit->committed_us, answer->mutable_commit_time());
  for (const auto& [stream, status] : commit->errors) {
    const google::rpc::Status rpc = ToRpcStatus(status, stream);
    v1::StorageError* error = answer->add_stream_errors();
    if (rpc.details_size() == 0 || !rpc.details(0).UnpackTo(error)) {
      error->set_entity(stream);
      error->set_error_message(std::string(status.message()));
    }
  }
  return grpc::Status::OK;
}

grpc::Status WriteService::FlushRows(grpc::ServerContext* context,
                                     const v1::FlushRowsRequest* request,
                                     v1::FlushRowsResponse* answer) {
  const auto name = Admit(*context, request->write_stream());
  if (!name.ok()) return ToGrpcStatus(name.status(), request->write_stream());
  const auto offset = streams_.Flush(*name, request->offset().value());
  if (!offset.ok()) return ToGrpcStatus(offset.status(), request->write_stream());
  answer->set_offset(*offset);
  return grpc::Status::OK;
}

}  // namespace afluente::warehouse::storage
