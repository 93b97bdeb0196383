#include "warehouse/jobs/job_configuration.h"

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/googlesql/positional.h"
#include "warehouse/jobs/json_fields.h"
#include "warehouse/jobs/schema_resource.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;

}  // namespace

const json& ObjectOrArray(const json& object, const char* key) {
  static const json kNone = json::array();
  const json* found = Member(object, key);
  return found == nullptr ? kNone : *found;
}

bool IsScript(const std::string& text) { return googlesql::StatementType(text) == "SCRIPT"; }

absl::Status CheckQueryConfiguration(const json& query) {
  if (BoolOf(query, "useLegacySql")) {
    return absl::UnimplementedError(
        "Legacy SQL is not supported: set useLegacySql to false for GoogleSQL");
  }
  for (const char* key :
       {"tableDefinitions", "userDefinedFunctionResources", "destinationEncryptionConfiguration",
        "systemVariables", "connectionProperties"}) {
    const json* given = Member(query, key);
    if (given != nullptr && !given->empty()) {
      return absl::UnimplementedError(Concat(key, " of a query is not supported"));
    }
  }
  if (BoolOf(query, "createSession")) {
    return absl::UnimplementedError("createSession is not supported: sessions are not kept");
  }
  if (BoolOf(query, "continuous")) {
    return absl::UnimplementedError("continuous queries are not supported");
  }
  if (TextOf(query, "query").empty()) {
    return absl::InvalidArgumentError("Required parameter is missing: query");
  }
  return absl::OkStatus();
}

absl::StatusOr<Destination> DestinationOf(const json& configuration, const std::string& project,
                                          Destination::Write otherwise) {
  Destination destination;
  AFLUENTE_ASSIGN_OR_RETURN(
      destination.table.name,
      TableNameFromJson(ObjectOf(configuration, "destinationTable"), project));
  if (destination.table.name.table.find('$') != std::string::npos) {
    return absl::UnimplementedError("a partition decorator ($) as destination is not supported");
  }
  AFLUENTE_RETURN_IF_ERROR(LayoutFromJson(configuration, destination.table));
  const json& properties = ObjectOf(configuration, "destinationTableProperties");
  destination.table.description = TextOf(properties, "description");
  if (!properties.empty()) {
    if (!destination.table.properties) destination.table.properties.emplace();
    destination.table.properties->friendly_name = TextOf(properties, "friendlyName");
    if (const json* labels = Member(properties, "labels")) {
      AFLUENTE_ASSIGN_OR_RETURN(destination.table.properties->labels, LabelsFromJson(*labels));
    }
  }
  const std::string create = TextOf(configuration, "createDisposition", "CREATE_IF_NEEDED");
  if (create != "CREATE_IF_NEEDED" && create != "CREATE_NEVER") {
    return absl::InvalidArgumentError(Concat("Invalid value for createDisposition: ", create));
  }
  destination.create = create == "CREATE_IF_NEEDED";
  const std::string write = TextOf(configuration, "writeDisposition");
  destination.write = write.empty()             ? otherwise
                      : write == "WRITE_EMPTY"  ? Destination::Write::kEmpty
                      : write == "WRITE_APPEND" ? Destination::Write::kAppend
                                                : Destination::Write::kTruncate;
  if (write == "WRITE_TRUNCATE_DATA") {
    return absl::UnimplementedError("writeDisposition WRITE_TRUNCATE_DATA is not supported");
  }
  if (destination.write == Destination::Write::kTruncate && write != "WRITE_TRUNCATE" &&
      !write.empty()) {
    return absl::InvalidArgumentError(Concat("Invalid value for writeDisposition: ", write));
  }
  for (const json& option : ObjectOrArray(configuration, "schemaUpdateOptions")) {
    if (option == "ALLOW_FIELD_ADDITION") {
      destination.add_fields = true;
    } else if (option == "ALLOW_FIELD_RELAXATION") {
      destination.relax_fields = true;
    } else {
      return absl::InvalidArgumentError(
          Concat("Invalid value for schemaUpdateOptions: ", Dump(option)));
    }
  }
  return destination;
}

}  // namespace afluente::warehouse::jobs
