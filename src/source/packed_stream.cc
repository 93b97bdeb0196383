#include "source/packed_stream.h"

namespace afluente::source {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

}  // namespace

PackedStream::PackedStream(std::istream& packed, http::ContentCoding coding)
    : std::istream(static_cast<std::streambuf*>(this)),
      packed_(packed),
      decoder_(http::ContentDecoder::Create(coding)) {}

std::streambuf::int_type PackedStream::underflow() {
  out_.clear();
  while (out_.empty()) {
    if (rest_.empty() && packed_) {
      in_.resize(kPieceBytes);
      packed_.read(in_.data(), static_cast<std::streamsize>(in_.size()));
      in_.resize(static_cast<size_t>(packed_.gcount()));
      taken_ += in_.size();
      rest_ = in_;
    }
    const bool ended = rest_.empty();
    const bool good = decoder_->Decode(rest_, out_, kPieceBytes).ok();
    if (!good || (ended && out_.empty() && !decoder_->whole())) {
      setstate(std::ios::badbit);
      return std::streambuf::traits_type::eof();
    }
    if (ended && out_.empty()) return std::streambuf::traits_type::eof();
  }
  setg(out_.data(), out_.data(), out_.data() + out_.size());
  return std::streambuf::traits_type::to_int_type(out_[0]);
}

}  // namespace afluente::source
