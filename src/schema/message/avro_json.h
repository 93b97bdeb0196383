#pragma once

#include "schema/message/avro_output.h"
#include "simdjson.h"

namespace afluente::schema::avro {

enum class UnionForm {
  kWrapped,      // {"branch": value}, or null: as data
  kFirstBranch,  // a value of the first branch: as a field's default
};

// Reads one JSON value as `type`. False after noting what is wrong.
bool ReadJsonValue(const Type& type, simdjson::dom::element value, UnionForm unions, int depth,
                   Reading& reading);

}  // namespace afluente::schema::avro
