#pragma once

#include "spec/shape.h"
#include "spec/shape_table.h"

namespace afluente::spec {

// The keys of `sources:` and of a topic's `forward:`.
const Shape* SourcesShape(ShapeTable* t);
const Shape* ForwardShape(ShapeTable* t);

// The files that `sources.http.api_keys_file` and `sources.mqtt.devices.file` name.
const Shape& ApiKeysShape();
const Shape& DevicesShape();

}  // namespace afluente::spec
