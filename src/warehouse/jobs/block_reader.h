#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "host/check.h"
#include "host/file_system.h"

namespace afluente::warehouse::jobs {

// The bytes of a file from front to back, block by block. One thread.
class BlockReader {
 public:
  explicit BlockReader(const host::File& file) : file_(file) {}

  // What is at hand, from the current byte on; at least `size` bytes unless the file ends.
  absl::StatusOr<std::string_view> Peek(size_t size) {
    while (!ended_ && buffer_.size() - used_ < size) {
      buffer_.erase(0, used_);
      used_ = 0;
      AFLUENTE_ASSIGN_OR_RETURN(const std::string block,
                                file_.ReadAt(offset_, std::max(kBlock, size)));
      ended_ = block.empty();
      offset_ += block.size();
      buffer_ += block;
    }
    return std::string_view(buffer_).substr(used_);
  }
  void Skip(size_t size) { used_ += size; }
  // Of the current byte.
  uint64_t position() const { return offset_ - (buffer_.size() - used_); }
  void Rewind() {
    buffer_.clear();
    used_ = 0;
    offset_ = 0;
    ended_ = false;
  }

 private:
  static constexpr size_t kBlock = 1 << 20;
  const host::File& file_;
  std::string buffer_;
  size_t used_ = 0;
  uint64_t offset_ = 0;
  bool ended_ = false;
};

}  // namespace afluente::warehouse::jobs
