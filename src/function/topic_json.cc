#include "function/topic_json.h"

#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/schema_revision.h"
#include "broker/schemas.h"
#include "broker/topics.h"
#include "host/check.h"
#include "schema/message/message_schema.h"

namespace afluente::function {
namespace {

using schema::MessageEncoding;
using schema::MessageSchema;

// A topic's schema hardly ever has more revisions in use.
constexpr size_t kCompiledMax = 64;

class SchemaReader {
 public:
  SchemaReader(const broker::Topics& topics, const broker::Schemas& schemas, std::string topic)
      : topics_(topics), schemas_(schemas), topic_(std::move(topic)) {}

  absl::StatusOr<std::string> ToJson(const event::Message& message) {
    std::string revision;
    broker::Encoding encoding = broker::Encoding::kUnspecified;
    const std::string* name = event::FindAttribute(message.attributes, "googclient_schemaname");
    const std::string* id = event::FindAttribute(message.attributes, "googclient_schemarevisionid");
    const std::string* form = event::FindAttribute(message.attributes, "googclient_schemaencoding");
    if (name != nullptr && id != nullptr && form != nullptr) {
      revision = absl::StrCat(*name, "@", *id);
      encoding = *form == "JSON" ? broker::Encoding::kJson : broker::Encoding::kBinary;
    } else {
      AFLUENTE_ASSIGN_OR_RETURN(broker::TopicSettings topic, topics_.GetTopic(topic_));
      if (!topic.schema)
        return absl::FailedPreconditionError(absl::StrCat("The topic ", topic_, " has no schema."));
      revision = topic.schema->schema;
      encoding = topic.schema->encoding;
    }
    AFLUENTE_ASSIGN_OR_RETURN(const MessageSchema* compiled, Compiled(revision));
    return compiled->ToJson(
        encoding == broker::Encoding::kJson ? MessageEncoding::kJson : MessageEncoding::kBinary,
        message.data);
  }

 private:
  absl::StatusOr<const MessageSchema*> Compiled(const std::string& revision) {
    auto it = compiled_.find(revision);
    if (it != compiled_.end()) return it->second.get();
    AFLUENTE_ASSIGN_OR_RETURN(broker::SchemaRevision schema, schemas_.GetSchema(revision));
    AFLUENTE_ASSIGN_OR_RETURN(auto made,
                              MessageSchema::Compile(schema.language, schema.definition));
    if (compiled_.size() >= kCompiledMax) compiled_.clear();
    // Under its full name, which never means another definition; "the latest" may.
    std::string full =
        absl::StrCat(schema.name.substr(0, schema.name.find('@')), "@", schema.revision_id);
    return compiled_.insert_or_assign(std::move(full), std::move(made)).first->second.get();
  }

  const broker::Topics& topics_;
  const broker::Schemas& schemas_;
  const std::string topic_;
  std::map<std::string, std::unique_ptr<MessageSchema>> compiled_;
};

}  // namespace

absl::StatusOr<TopicJson> MakeTopicJson(const broker::Topics& topics,
                                        const broker::Schemas& schemas, const std::string& topic) {
  AFLUENTE_ASSIGN_OR_RETURN(broker::TopicSettings settings, topics.GetTopic(topic));
  if (!settings.schema) {
    return absl::FailedPreconditionError(
        absl::StrCat("The topic ", topic, " has no schema, which use_topic_schema needs."));
  }
  auto reader = std::make_unique<SchemaReader>(topics, schemas, topic);
  return TopicJson([reader = std::move(reader)](const event::Message& message) {
    return reader->ToJson(message);
  });
}

}  // namespace afluente::function
