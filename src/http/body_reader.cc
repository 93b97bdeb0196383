#include "http/body_reader.h"

#include <algorithm>
#include <charconv>

namespace afluente::http {
namespace {

constexpr size_t kLineBytesMax = 1024;
constexpr size_t kTrailerBytesMax = 4096;
constexpr size_t kSizeDigitsMax = 12;

}  // namespace

BodyReader::BodyReader(const Headers& headers, uint64_t bytes_max) : bytes_max_(bytes_max) {
  chunked_ = headers.Find("Transfer-Encoding") != nullptr;
  const std::string* length = headers.Find("Content-Length");
  if (length != nullptr) {
    std::from_chars(length->data(), length->data() + length->size(), length_);
  }
  left_ = length_;
  if (chunked_) await_ = Await::kSize;
}

BodyReader::Progress BodyReader::Take(std::string& in, std::string& body) {
  if (chunked_) return TakeChunked(in, body);
  if (length_ > bytes_max_) return Progress::kTooLarge;
  const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
  body.append(in, 0, size);
  in.erase(0, size);
  left_ -= size;
  return left_ == 0 ? Progress::kDone : Progress::kNeedMore;
}

std::optional<std::string> BodyReader::TakeLine(std::string& in) {
  const size_t end = in.find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string line = in.substr(0, end);
  in.erase(0, end + 2);
  return line;
}

BodyReader::Progress BodyReader::TakeChunked(std::string& in, std::string& body) {
  while (await_ != Await::kNothing) {
    if (await_ == Await::kBytes) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
      body.append(in, 0, size);
      in.erase(0, size);
      left_ -= size;
      if (left_ > 0) return Progress::kNeedMore;
      await_ = Await::kBytesEnd;
    }
    if (await_ == Await::kBytesEnd) {
      if (in.size() < 2)
        return in == "\r" || in.empty() ? Progress::kNeedMore : Progress::kMalformed;
      if (!in.starts_with("\r\n")) return Progress::kMalformed;
      in.erase(0, 2);
      await_ = Await::kSize;
    }
    const auto line = TakeLine(in);
    if (!line) return in.size() > kLineBytesMax ? Progress::kMalformed : Progress::kNeedMore;
    // A lone CR or LF would end the line for some readers.
    if (line->size() > kLineBytesMax || line->find_first_of("\r\n") != std::string::npos) {
      return Progress::kMalformed;
    }
    if (await_ == Await::kTrailer) {
      trailer_bytes_ += line->size() + 2;
      if (trailer_bytes_ > kTrailerBytesMax) return Progress::kMalformed;
      if (line->empty()) await_ = Await::kNothing;
      continue;
    }
    const size_t digits = std::min(line->find(';'), line->size());
    const char* const end = line->data() + digits;
    const auto parsed = std::from_chars(line->data(), end, left_, 16);
    if (digits == 0 || digits > kSizeDigitsMax || parsed.ptr != end || parsed.ec != std::errc() ||
        line->front() == '-') {
      return Progress::kMalformed;
    }
    taken_ += left_;
    if (taken_ > bytes_max_) return Progress::kTooLarge;
    await_ = left_ == 0 ? Await::kTrailer : Await::kBytes;
  }
  return Progress::kDone;
}

}  // namespace afluente::http
