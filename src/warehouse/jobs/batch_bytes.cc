#include "warehouse/jobs/batch_bytes.h"

#include <cstring>

namespace afluente::warehouse::jobs {
namespace {

void PutCount(std::string& out, uint64_t count) {
  out.append(reinterpret_cast<const char*>(&count), sizeof count);
}

template <typename Buffer>
void PutBuffer(std::string& out, const Buffer& buffer) {
  PutCount(out, buffer.size());
  out.append(reinterpret_cast<const char*>(buffer.data()),
             buffer.size() * sizeof(typename Buffer::value_type));
}

void PutColumn(std::string& out, const ColumnVector& column) {
  PutBuffer(out, column.valid);
  PutBuffer(out, column.ints);
  PutBuffer(out, column.doubles);
  PutBuffer(out, column.bytes);
  PutBuffer(out, column.offsets);
  PutCount(out, column.children.size());
  for (const ColumnVector& child : column.children) PutColumn(out, child);
}

bool TakeCount(std::string_view& in, uint64_t& count) {
  if (in.size() < sizeof count) return false;
  std::memcpy(&count, in.data(), sizeof count);
  in.remove_prefix(sizeof count);
  return true;
}

template <typename Buffer>
bool TakeBuffer(std::string_view& in, Buffer& buffer) {
  uint64_t count = 0;
  if (!TakeCount(in, count)) return false;
  if (count > in.size() / sizeof(typename Buffer::value_type)) return false;
  buffer.resize(count);
  const size_t size = count * sizeof(typename Buffer::value_type);
  if (size > 0) std::memcpy(buffer.data(), in.data(), size);
  in.remove_prefix(size);
  return true;
}

bool TakeColumn(std::string_view& in, const schema::Type& type, ColumnVector& column) {
  column.type = type;
  uint64_t children = 0;
  if (!TakeBuffer(in, column.valid) || !TakeBuffer(in, column.ints) ||
      !TakeBuffer(in, column.doubles) || !TakeBuffer(in, column.bytes) ||
      !TakeBuffer(in, column.offsets) || !TakeCount(in, children)) {
    return false;
  }
  if (children > 0 && (type.fields.empty() || children > type.fields.size() + 1)) return false;
  column.children.resize(children);
  for (size_t i = 0; i < children; ++i) {
    const schema::Field& field = i < type.fields.size() ? type.fields[i] : type.fields[0];
    if (!TakeColumn(in, field.type, column.children[i])) return false;
  }
  return true;
}

}  // namespace

std::string BatchToBytes(const ColumnBatch& batch) {
  std::string out;
  PutCount(out, batch.rows);
  for (const ColumnVector& column : batch.columns) PutColumn(out, column);
  return out;
}

bool BatchFromBytes(std::string_view bytes, const std::vector<schema::Column>& columns,
                    ColumnBatch& batch) {
  uint64_t rows = 0;
  if (!TakeCount(bytes, rows)) return false;
  batch.rows = rows;
  batch.columns.resize(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!TakeColumn(bytes, columns[i].type, batch.columns[i])) return false;
  }
  return bytes.empty();
}

}  // namespace afluente::warehouse::jobs
