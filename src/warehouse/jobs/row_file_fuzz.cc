// Takes the input's first byte as the format and the rest as a file to load: it is read to its end
// or refused, with columns given and with columns found.
#include "fuzz/accepted.h"
#include "host/check.h"
#include "host/faulty_file_system.h"
#include "warehouse/jobs/row_file.h"

namespace {

using afluente::warehouse::jobs::FileOptions;

bool ReadAll(const afluente::host::File& file, FileOptions options) {
  using namespace afluente::warehouse::jobs;
  auto reader = OpenRecords(file, options);
  if (!reader.ok()) return false;
  auto columns = DetectColumns(**reader, options);
  if (!columns.ok()) return false;
  RowDecoder decoder(*columns, options);
  while (true) {
    auto row = (*reader)->Next();
    if (!row.ok()) return false;
    if (!*row) return true;
    auto values = decoder.Decode(**row);
    if (values.ok()) AFLUENTE_CHECK(values->size() == columns->size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 1) return 0;
  FileOptions options;
  options.format = static_cast<FileOptions::Format>(bytes[0] % 3);
  options.allow_quoted_newlines = (bytes[0] & 16) != 0;
  options.logical_types = (bytes[0] & 32) != 0;
  afluente::host::FaultyFileSystem files;
  files.SetContent("/f", std::string(reinterpret_cast<const char*>(bytes) + 1, size - 1));
  auto file = files.Open("/f", afluente::host::FileSystem::Mode::kRead);
  AFLUENTE_CHECK(file.ok());
  afluente::fuzz::accepted = ReadAll(**file, options);
  return 0;
}
