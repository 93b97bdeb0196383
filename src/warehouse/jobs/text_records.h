#pragma once

#include <memory>

#include "warehouse/jobs/row_file.h"

namespace afluente::warehouse::jobs {

std::unique_ptr<RecordReader> ReadJsonLines(const host::File& file);
std::unique_ptr<RecordReader> ReadCsv(const host::File& file, const FileOptions& options);

}  // namespace afluente::warehouse::jobs
