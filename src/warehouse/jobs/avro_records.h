#pragma once

#include <memory>

#include "warehouse/jobs/row_file.h"

namespace afluente::warehouse::jobs {

// An Avro object container file ("Object Container Files" in its specification): codecs null and
// deflate. INVALID_ARGUMENT when it is none, UNIMPLEMENTED names another codec or a map.
absl::StatusOr<std::unique_ptr<RecordReader>> ReadAvro(const host::File& file,
                                                       const FileOptions& options);

}  // namespace afluente::warehouse::jobs
