#pragma once

#include <string>

#include "absl/status/status.h"
#include "spec/spec.h"
#include "warehouse/table.h"

namespace afluente::broker {
class Broker;
}  // namespace afluente::broker

namespace afluente::warehouse {
class Catalog;
}  // namespace afluente::warehouse

namespace afluente::roles {

// Creates the topics, subscriptions, datasets and tables that the specification names, and alters
// what differs where that is allowed; deletes nothing. FAILED_PRECONDITION names what may not
// change.
absl::Status ApplySpec(const spec::Spec& spec, broker::Broker& broker, warehouse::Catalog& catalog);

// The declared table that a function feeds; nullptr when it names none.
const spec::Table* FindTable(const spec::Spec& spec, const spec::Function& function);

warehouse::TableSchema ToTableSchema(const spec::Spec& spec, const std::string& dataset,
                                     const spec::Table& table);

}  // namespace afluente::roles
