#include "api/caller_parameters.h"

#include <utility>

#include "schema/text.h"

namespace afluente::api {
namespace {

constexpr char kEmail[] = "caller_email";
constexpr char kGroups[] = "caller_groups";

}  // namespace

std::vector<warehouse::Parameter> CallerParameters(const Caller& caller) {
  const schema::Type text{schema::TypeKind::kString, {}};
  schema::Value::List groups;
  for (const std::string& group : caller.groups) groups.push_back(schema::Value(group));
  return {{kEmail, text, caller.email.empty() ? schema::Value() : schema::Value(caller.email)},
          {kGroups, schema::Type::Array(text), schema::Value(std::move(groups))}};
}

bool IsCallerParameter(std::string_view name) {
  return schema::EqualsIgnoreCase(name, kEmail) || schema::EqualsIgnoreCase(name, kGroups);
}

}  // namespace afluente::api
