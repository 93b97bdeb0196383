// The keys of afluente.yaml, in one table: the parser checks with it, and the JSON Schema is
// written from it. A key that a later version takes is here as unsupported, so that it is refused
// by name.

#include <deque>
#include <initializer_list>
#include <utility>

#include "spec/access_forms.h"
#include "spec/member.h"
#include "spec/shape.h"
#include "spec/shape_table.h"
#include "spec/sources_shape.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

constexpr TextForm kDuration = {"a duration such as 600s", IsDuration,
                                "^[0-9]{1,13}(\\.[0-9]{1,3})?s$"};
constexpr TextForm kProjectId = {
    "a project id (at most 30 lower-case letters, digits and hyphens, a letter first)", IsProjectId,
    "^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$"};
constexpr TextForm kPubsubName = {
    "a name for Pub/Sub (3 to 255 letters, digits and -_.~+%, a letter first, not goog...)",
    IsPubsubName, "^(?!goog)[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$"};
constexpr TextForm kDatasetName = {"a dataset name (letters, digits and underscores)",
                                   IsDatasetName, "^[A-Za-z0-9_]{1,1024}$"};
constexpr TextForm kTableName = {"a table name (letters, digits, underscores and hyphens)",
                                 IsTableName, "^[A-Za-z0-9_-]{1,1024}$"};
constexpr TextForm kColumnName = {
    "a column name (300 letters, digits and underscores at most, no digit first)", IsColumnName,
    "^[A-Za-z_][A-Za-z0-9_]{0,299}$"};
constexpr TextForm kParameterName = {"a parameter name (letters, digits and underscores)",
                                     IsColumnName, "^[A-Za-z_][A-Za-z0-9_]{0,299}$"};
constexpr TextForm kHttpUrl = {"an http: or https: URL", IsHttpUrl, "^https?://[^/?#\\s]+"};
constexpr TextForm kFunctionName = {
    "a function name (63 letters, digits, underscores and hyphens at most, a letter first)",
    IsFunctionName, "^[A-Za-z][A-Za-z0-9_-]{0,62}$"};
constexpr TextForm kMember = {
    "a member (user:EMAIL, serviceAccount:EMAIL of a service account, group:EMAIL, domain:DOMAIN "
    "or "
    "allAuthenticatedUsers)",
    IsMember,
    "^(allAuthenticatedUsers|(user|serviceAccount|group):[^@\\s]+@[A-Za-z0-9.-]+|"
    "domain:[A-Za-z0-9.-]+)$"};
constexpr TextForm kEmail = {"an email address", IsEmail, "^[^@\\s]+@[A-Za-z0-9.-]+$"};
constexpr TextForm kHostName = {"a host name without a port", IsDomain, "^[A-Za-z0-9.-]+$"};
constexpr TextForm kAudience = {
    "/projects/NUMBER/locations/REGION/services/SERVICE, "
    "/projects/NUMBER/global/backendServices/ID or /projects/NUMBER/apps/PROJECT",
    IsAssertionAudience,
    "^/projects/[0-9]+/(locations/[^/]+/services/[^/]+|global/backendServices/[0-9]+|apps/[^/]+)$"};
constexpr TextForm kIssuer = {"an https: URL, or an http: one on loopback", IsSafeUrl,
                              "^(https://|http://(localhost|127\\.0\\.0\\.1|\\[::1\\]))"};
constexpr TextForm kKeySetUri = {"an https: URL, an http: one on loopback, or file:PATH",
                                 IsKeySetUri,
                                 "^(https://|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])|file:.)"};
constexpr TextForm kEndpointPattern = {"an endpoint's path, or its beginning with /* for the rest",
                                       IsEndpointPattern, "^/[^*]*\\*?$"};

constexpr TextForm kOrderColumn = {"a column name, with '-' before it for descending order",
                                   IsOrderColumn, "^-?[A-Za-z_][A-Za-z0-9_]{0,299}$"};
constexpr TextForm kRate = {"a rate such as 100/s, 600/m or 50/10s", IsRate,
                            "^[0-9]{1,9}/([smh]|[0-9]{1,13}(\\.[0-9]{1,3})?s)$"};
constexpr TextForm kOrigin = {"an origin such as https://app.example or *", IsOrigin,
                              "^([*]|https?://[^/?#@ ]+)$"};

using Table = ShapeTable;

const Shape* Topics(Table* t) {
  const Shape* topic = t->Object(
      "A topic.",
      Table::With({{"message_retention_duration",
                    t->Text("How long messages are kept after publishing, 600s to 2678400s; left "
                            "out: only while a subscription or function needs them.",
                            kDuration)},
                   {"forward", ForwardShape(t)}},
                  {"schema", "schema_settings", "labels", "kms_key_name", "message_storage_policy",
                   "ingestion_data_source_settings", "message_transforms"}));
  return t->Map("Topics by name.", kPubsubName, topic);
}

const Shape* Subscriptions(Table* t) {
  const Shape* subscription = t->Object(
      "A subscription for outside consumers; a function has its own.",
      Table::With(
          {{"topic", t->Text("The topic's name."), true},
           {"filter", t->Text("Pub/Sub's filter grammar, e.g. attributes.kind = \"audit\".")},
           {"ack_deadline_seconds",
            t->Number(ShapeKind::kInteger, "Seconds until an unanswered message is sent again.", 10,
                      600)},
           {"enable_message_ordering", t->Boolean("Messages of one ordering key stay in order.")}},
          {"retry_policy", "dead_letter_policy", "push_config", "bigquery_config",
           "cloud_storage_config", "expiration_policy", "message_retention_duration",
           "retain_acked_messages", "enable_exactly_once_delivery", "labels",
           "message_transforms"}));
  return t->Map("Subscriptions by name.", kPubsubName, subscription);
}

const Shape* Column(Table* t) {
  const Shape* column = t->Object(
      "A column, as in BigQuery's table schema.",
      Table::With(
          {{"name", t->Text("The column's name.", kColumnName), true},
           {"type",
            t->Text("INT64, FLOAT64, NUMERIC, BIGNUMERIC, BOOL, STRING, BYTES, DATE, DATETIME, "
                    "TIME, TIMESTAMP, JSON, or RECORD with fields."),
            true},
           {"mode", t->Choice("NULLABLE (default), REQUIRED, or REPEATED for an ARRAY.",
                              {"NULLABLE", "REQUIRED", "REPEATED"})},
           {"description", t->Text("What the column holds.")}},
          {"default_value_expression", "max_length", "precision", "scale", "rounding_mode",
           "policy_tags", "collation"}));
  t->AddProperty(column,
                 {"fields", t->List("The columns within a RECORD.", 1, 10'000, column), false});
  return column;
}

const Shape* Datasets(Table* t) {
  const Shape* partitioning = t->Object(
      "Partitions by a date or time.",
      Table::With(
          {{"type", t->Choice("The size of a partition.", {"HOUR", "DAY", "MONTH", "YEAR"}), true},
           {"field", t->Text("A DATE, DATETIME or TIMESTAMP column; left out: the time of "
                             "arrival.")}},
          {"expiration_ms", "require_partition_filter"}));
  const Shape* table = t->Object(
      "A table.",
      Table::With({{"schema", t->List("The columns in order.", 1, 10'000, Column(t)), true},
                   {"time_partitioning", partitioning},
                   {"clustering", t->List("Up to four columns.", 1, 4, t->Text("A column."))},
                   {"description", t->Text("What the table holds.")}},
                  {"max_staleness", "range_partitioning", "require_partition_filter",
                   "expiration_time", "labels", "view", "materialized_view",
                   "external_data_configuration", "table_constraints"}));
  const Shape* dataset = t->Object(
      "A dataset.",
      Table::With({{"location", t->Text("The dataset's location on GCP, e.g. US.")},
                   {"tables", t->Map("Tables by name.", kTableName, table)}},
                  {"description", "friendly_name", "labels", "default_table_expiration_ms",
                   "default_partition_expiration_ms", "access", "default_collation"}));
  return t->Map("Datasets by name.", kDatasetName, dataset);
}

const Shape* Functions(Table* t) {
  const Shape* transform = t->Object(
      "How a message becomes rows: one of sql, javascript and http; left out: by column name.",
      {{"sql", t->Text("A file with a row-wise SELECT ... FROM messages.")},
       {"javascript", t->Text("A file with function name(message, metadata), as Pub/Sub's UDFs.")},
       {"function_name", t->Text("Of javascript: which function of the file.", kParameterName)},
       {"http", t->Text("The URL of a function in any language.", kHttpUrl)},
       {"format", t->Choice("Of http: how a message is sent; pubsub (its push request) by default.",
                            {"pubsub", "cloudevents_binary", "cloudevents_structured"})},
       {"concurrency",
        t->Number(ShapeKind::kInteger, "Of http: requests at once, 64 by default.", 1, 1000)},
       {"timeout", t->Text("Of http: of one attempt, 30s by default, 600s at most.", kDuration)},
       {"response_bytes", t->Size("Of http: an answer's limit, 10000000 by default.")}});
  const Shape* retry =
      t->Object("The wait between attempts.",
                {{"minimum_backoff", t->Text("1s by default.", kDuration)},
                 {"maximum_backoff", t->Text("60s by default, 600s at most.", kDuration)}});
  const Shape* dead = t->Object(
      "What happens to a message that keeps failing; it is always a row in dead_letters.",
      {{"topic", t->Text("A topic that gets it too.")},
       {"max_delivery_attempts", t->Number(ShapeKind::kInteger, "5 by default.", 5, 100)}});
  const Shape* function = t->Object(
      "Stores a topic's messages in a table.",
      Table::With(
          {{"topic", t->Text("The topic to read; needed unless the function is removed.")},
           {"filter", t->Text("Pub/Sub's filter grammar; what does not match is not this "
                              "function's.")},
           {"table", t->Text("dataset.table, fed by this function alone.")},
           {"dataset", t->Text("Instead of a table, where dead letters go: the function (http) "
                               "stores for itself.",
                               kDatasetName)},
           {"transform", transform},
           {"unknown_fields", t->Choice("What a field without a column means (by column name).",
                                        {"reject", "ignore"})},
           {"retry_policy", retry},
           {"dead_letter_policy", dead},
           {"enable_message_ordering", t->Boolean("A waiting message holds back its key.")},
           {"start", t->Choice("Where a new function begins.", {"earliest", "latest"})},
           {"previous_name",
            t->Text("What it was called before: its state becomes this one's.", kFunctionName)},
           {"removed", t->Boolean("Releases a function: what it has not decided is dropped, and "
                                  "counted so.")}},
          {"max_staleness"}));
  return t->Map("Functions by name.", kFunctionName, function);
}

const Shape* Literal(Table* t, std::string description) {
  return t->Number(ShapeKind::kLiteral, std::move(description), 0, 0);
}

const Shape* Parameters(Table* t) {
  const char* const kTypes = "INT64, STRING, DATE and the other scalar types, or ARRAY of them.";
  const Shape* parameter = t->ObjectOrText(
      "A parameter: its type alone, or with what it may be.",
      {{"type", t->Text(kTypes), true},
       {"description", t->Text("One line for the API's page.")},
       {"default", Literal(t, "The value when the request gives none.")},
       {"example", Literal(t,
                           "A value for the API's description of itself, where its rows may "
                           "be shown to whoever may ask the endpoint.")},
       {"optional", t->Boolean("NULL when the request gives none.")},
       {"enum", t->List("The only values it may have.", 1, 1'000, Literal(t, "A value."))},
       {"minimum", Literal(t, "The smallest value.")},
       {"maximum", Literal(t, "The largest value.")}},
      t->Text(kTypes));
  return t->Map("Parameters by name; those not in the path come from the query string.",
                kParameterName, parameter);
}

const Shape* Endpoints(Table* t) {
  const Shape* endpoint = t->Object(
      "A GET endpoint that answers with a query's rows.",
      {{"summary", t->Text("One line for the API's page.")},
       {"description", t->Text("More of it.")},
       {"sql", t->Text("A file with a SELECT that uses @name parameters."), true},
       {"parameters", Parameters(t)},
       {"cache", t->Text("How old an answer from memory may be.", kDuration)},
       {"page_size", t->Number(ShapeKind::kInteger,
                               "Answers come in pages of so many rows unless ?page_size= says "
                               "otherwise.",
                               1, 10'000)},
       {"max_rows", t->Number(ShapeKind::kInteger, "The most rows of an answer: 10000 by default.",
                              1, 1'000'000)},
       {"timeout", t->Text("How long the statement may take: 10s by default.", kDuration)},
       {"rate_limit", t->Text("Requests that one caller may make.", kRate)},
       {"order_by", t->List("The columns that ?order_by= may name; as written here, the order "
                            "of a statement without ORDER BY.",
                            1, 64, t->Text("A column.", kOrderColumn))},
       {"cors",
        t->List("The origins whose pages may read it.", 1, 100, t->Text("An origin.", kOrigin))}});
  return t->Map("Endpoints by path, e.g. \"/app_info/{app_id}\".", {}, endpoint);
}

const Shape* MemberList(Table* t, std::string description) {
  return t->List(std::move(description), 0, 1'500, t->Text("A member, as IAM spells it.", kMember));
}

const Shape* Access(Table* t) {
  const Shape* members =
      t->Object("Who may.", {{"members", MemberList(t, "As in `members` of `access`."), true}});
  const Shape* assertion = t->Object(
      "The signed assertion that an outside proxy adds; left out: the built-in proxy's.",
      {{"issuer", t->Text("Its `iss`, e.g. https://cloud.google.com/iap.", kIssuer), true},
       {"audience", t->Text("Its `aud`.", kAudience), true},
       {"jwks_uri", t->Text("Where its keys are.", kKeySetUri), true}});
  const Shape* login =
      t->Object("The OpenID provider that people sign in at; left out: the developer issuer.",
                {{"issuer", t->Text("E.g. https://accounts.google.com.", kIssuer), true},
                 {"client_id",
                  t->Text("The OAuth client's id, also the audience of programs' tokens."), true},
                 {"client_secret_file", t->Text("A file with the client's secret.")},
                 {"groups_claim", t->Text("The claim of its ID tokens that lists groups.")}});
  const Shape* roles = t->Object("Who may use the console and the other doors.",
                                 {{"viewer", MemberList(t, "May look.")},
                                  {"operator", MemberList(t, "May also run operations.")},
                                  {"publisher", MemberList(t, "May publish.")},
                                  {"admin", MemberList(t, "May do everything.")}});
  return t->Object(
      "Who may use the API; left out: identity is off and every door stays on loopback.",
      {{"members", MemberList(t, "Who may reach the API at all."), true},
       {"endpoints", t->Map("Who may reach an endpoint, besides being one of `members`; the most "
                            "specific pattern counts.",
                            kEndpointPattern, members)},
       {"groups", t->Map("Groups by email.", kEmail,
                         t->List("Who is in it.", 0, 10'000, t->Text("An email.", kEmail)))},
       {"assertion", assertion},
       {"login", login},
       {"hosts", t->List("Names that the doors answer to besides loopback.", 0, 100,
                         t->Text("A host name.", kHostName))},
       {"roles", roles},
       {"datasets", t->Map("Who may read a dataset.", kDatasetName, members)}});
}

const Shape* Tls(Table* t) {
  return t->Object("The certificate of the doors.",
                   {{"certificate_file", t->Text("A PEM file, the chain after it."), true},
                    {"key_file", t->Text("Its private key, a PEM file."), true}});
}

const Shape* Limits(Table* t) {
  return t->Object("Limits of the local process; each has a default.",
                   {{"memory", t->Size("Memory of the warehouse and buffers.")},
                    {"threads", t->Number(ShapeKind::kInteger, "Warehouse threads.", 1, 256)},
                    {"disk", t->Size("Space for the data directory.")},
                    {"request_bytes", t->Size("The largest request body.")}});
}

const Shape* Traces(Table* t) {
  return t->Object(
      "Where the traces of messages and requests go; left out: nowhere, unless "
      "OTEL_EXPORTER_OTLP_ENDPOINT names a receiver.",
      {{"endpoint",
        t->Text("An OTLP receiver over HTTP, e.g. http://127.0.0.1:4318; spans are sent to its "
                "/v1/traces as JSON.",
                kHttpUrl),
        true},
       {"sample_ratio", t->Number(ShapeKind::kNumber,
                                  "Of the traces that begin here, the share that is kept: 0 to 1, "
                                  "1 by default.",
                                  0, 1)}});
}

const Shape* Deploy(Table* t) {
  const Shape* api = t->Object(
      "The API on Cloud Run.",
      {{"port", t->Number(ShapeKind::kInteger, "The container's port.", 1, 65'535)},
       {"cpu", t->Number(ShapeKind::kNumber, "CPUs of an instance.", 0, 8)},
       {"memory", t->Size("Memory of an instance.")},
       {"min_instances", t->Number(ShapeKind::kInteger, "Instances kept warm.", 0, 1'000)}});
  return t->Object("For Terraform, which reads this file itself; the local run does not use it.",
                   {{"region", t->Text("E.g. us-central1.")}, {"api", api}});
}

const Shape* File(Table* t) {
  return t->Object(
      "afluente.yaml: topics, functions, tables and endpoints of one project.",
      Table::With({{"project", t->Text("The GCP project id, used locally too.", kProjectId), true},
                   {"topics", Topics(t)},
                   {"subscriptions", Subscriptions(t)},
                   {"datasets", Datasets(t)},
                   {"functions", Functions(t)},
                   {"endpoints", Endpoints(t)},
                   {"access", Access(t)},
                   {"tls", Tls(t)},
                   {"limits", Limits(t)},
                   {"sources", SourcesShape(t)},
                   {"traces", Traces(t)},
                   {"deploy", Deploy(t)}},
                  {}));
}

}  // namespace

const Shape& FileShape() {
  static Table table;
  static const Shape& shape = *File(&table);
  return shape;
}

}  // namespace afluente::spec
