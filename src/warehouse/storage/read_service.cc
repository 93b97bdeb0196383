#include "warehouse/storage/read_service.h"

#include <chrono>
#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/storage/grpc_status.h"
#include "warehouse/storage/write_service.h"

namespace afluente::warehouse::storage {
namespace {

namespace v1 = google::cloud::bigquery::storage::v1;

absl::StatusOr<ReadQuestion> QuestionOf(const v1::CreateReadSessionRequest& request) {
  const v1::ReadSession& session = request.read_session();
  AFLUENTE_ASSIGN_OR_RETURN(const StreamName name, ParseName(session.table()));
  ReadQuestion question;
  question.table = name.table;
  if (session.data_format() == v1::AVRO) {
    question.format = ReadFormat::kAvro;
  } else if (session.data_format() != v1::ARROW) {
    return absl::InvalidArgumentError("read_session.data_format: expected ARROW or AVRO");
  }
  if (session.table_modifiers().has_snapshot_time()) {
    return absl::UnimplementedError("read_session.table_modifiers.snapshot_time is not supported");
  }
  const auto& options = session.read_options();
  if (options.has_sample_percentage()) {
    return absl::UnimplementedError("read_session.read_options.sample_percentage is not supported");
  }
  question.fields.assign(options.selected_fields().begin(), options.selected_fields().end());
  for (const std::string& field : question.fields) {
    if (field.find('.') != std::string::npos) {
      return absl::UnimplementedError(
          "read_session.read_options.selected_fields: fields of a STRUCT "
          "are not selected one by one");
    }
  }
  question.restriction = options.row_restriction();
  question.streams_max = request.max_stream_count();
  return question;
}

void Fill(const v1::CreateReadSessionRequest& request, const ReadSessions::Session& session,
          v1::ReadSession* answer) {
  *answer = request.read_session();
  answer->set_name(session.name);
  answer->mutable_expire_time()->set_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(session.expires.time_since_epoch()).count());
  if (session.format == ReadFormat::kAvro) {
    answer->mutable_avro_schema()->set_schema(session.schema);
  } else {
    answer->mutable_arrow_schema()->set_serialized_schema(session.schema);
  }
  for (const std::string& stream : session.streams) answer->add_streams()->set_name(stream);
  answer->set_estimated_total_bytes_scanned(session.bytes);
  answer->set_estimated_row_count(session.rows);
}

}  // namespace

grpc::Status ReadService::CreateReadSession(grpc::ServerContext* context,
                                            const v1::CreateReadSessionRequest* request,
                                            v1::ReadSession* answer) {
  const auto question = QuestionOf(*request);
  if (!question.ok()) return ToGrpcStatus(question.status(), request->read_session().table());
  if (admit_) {
    const absl::Status admitted = admit_(AuthorizationOf(*context), question->table, false);
    if (!admitted.ok()) return ToGrpcStatus(admitted, request->read_session().table());
  }
  const auto session = sessions_.Create(*question);
  if (!session.ok()) return ToGrpcStatus(session.status(), request->read_session().table());
  Fill(*request, *session, answer);
  return grpc::Status::OK;
}

grpc::Status ReadService::ReadRows(grpc::ServerContext* context, const v1::ReadRowsRequest* request,
                                   grpc::ServerWriter<v1::ReadRowsResponse>* writer) {
  // Whoever knows a session's name was admitted when it was made: it cannot be guessed.
  const auto stream = sessions_.Open(request->read_stream(), request->offset());
  if (!stream.ok()) return ToGrpcStatus(stream.status(), request->read_stream());
  bool first = true;
  const ReadSessions::Session& session = (*stream)->session();
  while (!context->IsCancelled()) {
    v1::ReadRowsResponse response;
    auto* progress = response.mutable_stats()->mutable_progress();
    progress->set_at_response_start((*stream)->progress());
    auto block = (*stream)->Next();
    if (!block.ok()) return ToGrpcStatus(block.status(), request->read_stream());
    if (!block->has_value()) break;
    progress->set_at_response_end((*stream)->progress());
    response.set_row_count((*block)->rows);
    if (session.format == ReadFormat::kAvro) {
      response.mutable_avro_rows()->set_serialized_binary_rows(std::move((*block)->bytes));
      if (first) response.mutable_avro_schema()->set_schema(session.schema);
    } else {
      response.mutable_arrow_record_batch()->set_serialized_record_batch(
          std::move((*block)->bytes));
      if (first) response.mutable_arrow_schema()->set_serialized_schema(session.schema);
    }
    first = false;
    if (!writer->Write(response)) break;
  }
  return grpc::Status::OK;
}

grpc::Status ReadService::SplitReadStream(grpc::ServerContext*,
                                          const v1::SplitReadStreamRequest* request,
                                          v1::SplitReadStreamResponse*) {
  const auto stream = sessions_.Open(request->name(), 0);
  return ToGrpcStatus(stream.status(), request->name());
}

}  // namespace afluente::warehouse::storage
