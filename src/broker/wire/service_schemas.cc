#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/limits.h"
#include "broker/schemas.h"
#include "broker/wire/answer.h"
#include "broker/wire/listing.h"
#include "broker/wire/service.h"
#include "broker/wire/translate_resources.h"
#include "schema/message/message_schema.h"

namespace afluente::broker::wire {
namespace {

// A project that nothing is looked up in.
absl::Status CheckParent(const std::string& parent) {
  return CheckTopicName(absl::StrCat(parent, "/topics/any")).ok()
             ? absl::OkStatus()
             : absl::InvalidArgumentError(
                   absl::StrCat("Invalid parent: ", parent, ", expected projects/PROJECT."));
}

absl::StatusOr<std::unique_ptr<schema::MessageSchema>> Compile(const pubsub::Schema& schema) {
  AFLUENTE_ASSIGN_OR_RETURN(SchemaRevision revision, FromProto(schema));
  // What is asked about need not have a name.
  if (revision.name.empty()) revision.name = "projects/any/schemas/unnamed";
  AFLUENTE_RETURN_IF_ERROR(CheckSchema(revision));
  return schema::MessageSchema::Compile(revision.language, revision.definition);
}

// The deprecated field, which older clients still send.
const std::string& RevisionField(const pubsub::DeleteSchemaRevisionRequest& request) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  return request.revision_id();
#pragma GCC diagnostic pop
}

template <typename Response>
absl::StatusOr<Response> Listed(absl::StatusOr<Page<SchemaRevision>> page,
                                pubsub::SchemaView view) {
  if (!page.ok()) return page.status();
  Response response;
  for (const SchemaRevision& each : page->items) *response.add_schemas() = ToProto(each, view);
  response.set_next_page_token(std::move(page->next_page_token));
  return response;
}

}  // namespace

void Service::CreateSchema(pubsub::CreateSchemaRequest& request, const Call&,
                           Reply<pubsub::Schema> reply) {
  absl::StatusOr<SchemaRevision> schema = FromProto(request.schema());
  if (!schema.ok()) return reply(schema.status());
  schema->name = absl::StrCat(request.parent(), "/schemas/", request.schema_id());
  ReplyFromWorker(workers_, std::move(reply),
                  [this, schema = *std::move(schema)]() -> absl::StatusOr<pubsub::Schema> {
                    return Translated(schemas_.CreateSchema(schema));
                  });
}

void Service::GetSchema(pubsub::GetSchemaRequest& request, const Call&,
                        Reply<pubsub::Schema> reply) {
  absl::StatusOr<SchemaRevision> schema = schemas_.GetSchema(request.name());
  if (!schema.ok()) return reply(schema.status());
  reply(ToProto(*schema, request.view() == pubsub::BASIC ? pubsub::BASIC : pubsub::FULL));
}

void Service::ListSchemas(pubsub::ListSchemasRequest& request, const Call&,
                          Reply<pubsub::ListSchemasResponse> reply) {
  absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return reply(page_size.status());
  reply(Listed<pubsub::ListSchemasResponse>(
      schemas_.ListSchemas(request.parent(), *page_size, request.page_token()), request.view()));
}

void Service::ListSchemaRevisions(pubsub::ListSchemaRevisionsRequest& request, const Call&,
                                  Reply<pubsub::ListSchemaRevisionsResponse> reply) {
  absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return reply(page_size.status());
  reply(Listed<pubsub::ListSchemaRevisionsResponse>(
      schemas_.ListSchemaRevisions(request.name(), *page_size, request.page_token()),
      request.view()));
}

void Service::CommitSchema(pubsub::CommitSchemaRequest& request, const Call&,
                           Reply<pubsub::Schema> reply) {
  absl::StatusOr<SchemaRevision> schema = FromProto(request.schema());
  if (!schema.ok()) return reply(schema.status());
  if (!schema->name.empty() && schema->name != request.name())
    return reply(absl::InvalidArgumentError("schema.name is not the name that is committed to."));
  schema->name = request.name();
  ReplyFromWorker(workers_, std::move(reply),
                  [this, schema = *std::move(schema)]() -> absl::StatusOr<pubsub::Schema> {
                    return Translated(schemas_.CommitSchema(schema));
                  });
}

void Service::RollbackSchema(pubsub::RollbackSchemaRequest& request, const Call&,
                             Reply<pubsub::Schema> reply) {
  ReplyFromWorker(
      workers_, std::move(reply),
      [this, request = std::move(request)]() -> absl::StatusOr<pubsub::Schema> {
        return Translated(schemas_.RollbackSchema(request.name(), request.revision_id()));
      });
}

void Service::DeleteSchemaRevision(pubsub::DeleteSchemaRevisionRequest& request, const Call&,
                                   Reply<pubsub::Schema> reply) {
  std::string name = request.name();
  if (name.find('@') == name.npos && !RevisionField(request).empty())
    absl::StrAppend(&name, "@", RevisionField(request));
  ReplyFromWorker(workers_, std::move(reply),
                  [this, name = std::move(name)]() -> absl::StatusOr<pubsub::Schema> {
                    return Translated(schemas_.DeleteSchemaRevision(name));
                  });
}

void Service::DeleteSchema(pubsub::DeleteSchemaRequest& request, const Call&, Reply<Empty> reply) {
  ReplyFromWorker(workers_, std::move(reply),
                  [this, name = std::move(*request.mutable_name())]() -> absl::StatusOr<Empty> {
                    AFLUENTE_RETURN_IF_ERROR(schemas_.DeleteSchema(name));
                    return Empty();
                  });
}

void Service::ValidateSchema(pubsub::ValidateSchemaRequest& request, const Call&,
                             Reply<pubsub::ValidateSchemaResponse> reply) {
  ReplyFromWorker(
      workers_, std::move(reply),
      [request = std::move(request)]() -> absl::StatusOr<pubsub::ValidateSchemaResponse> {
        AFLUENTE_RETURN_IF_ERROR(CheckParent(request.parent()));
        AFLUENTE_RETURN_IF_ERROR(Compile(request.schema()).status());
        return pubsub::ValidateSchemaResponse();
      });
}

void Service::ValidateMessage(pubsub::ValidateMessageRequest& request, const Call&,
                              Reply<pubsub::ValidateMessageResponse> reply) {
  ReplyFromWorker(
      workers_, std::move(reply),
      [this, request = std::move(request)]() -> absl::StatusOr<pubsub::ValidateMessageResponse> {
        AFLUENTE_RETURN_IF_ERROR(CheckParent(request.parent()));
        AFLUENTE_ASSIGN_OR_RETURN(auto encoding, FromProto(request.encoding()));
        pubsub::Schema schema = request.schema();
        if (request.has_name()) {
          AFLUENTE_ASSIGN_OR_RETURN(SchemaRevision revision, schemas_.GetSchema(request.name()));
          schema = ToProto(revision);
        } else if (!request.has_schema()) {
          return absl::InvalidArgumentError("A message is validated against a name or a schema.");
        }
        AFLUENTE_ASSIGN_OR_RETURN(auto compiled, Compile(schema));
        AFLUENTE_RETURN_IF_ERROR(compiled->Validate(encoding, request.message()));
        return pubsub::ValidateMessageResponse();
      });
}

}  // namespace afluente::broker::wire
