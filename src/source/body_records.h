#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "http/content_decoder.h"

namespace afluente::source {

// How the records of a body are told apart.
enum class BodyForm {
  kJsonLines,  // a JSON value a line
  kTextLines,  // a line, whatever it is
  kJson,       // the elements of an array; any other value is the one record
  kBytes,      // the whole body
};
// By Content-Type (its parameters do not count); nullopt for one that is not read.
std::optional<BodyForm> FormOfContentType(std::string_view content_type);

// A record, or why there is none at this place; the records after it can still be read.
struct BodyRecord {
  uint64_t number = 0;  // of its line, or of the array's element, from 1
  std::string data;     // its bytes as they stand in the body
  std::string error;    // empty: it is one
};

// Takes the records of a body out of it one by one, unpacking on the way, with never more than a
// record and one piece in memory. Empty lines are passed over. One thread.
class BodyRecords {
 public:
  struct Limits {
    size_t record_bytes_max = 10'000'000;
    uint64_t body_bytes_max = 100 << 20;  // unpacked
    uint64_t records_max = 1'000'000;
  };
  // `body` outlives it.
  BodyRecords(std::string_view body, BodyForm form, http::ContentCoding coding, Limits limits);

  // nullopt at the end. Errors end the reading: INVALID_ARGUMENT for a body that is not of its
  // coding, is cut, or is no array after all; RESOURCE_EXHAUSTED when it is too large.
  absl::StatusOr<std::optional<BodyRecord>> Next();

 private:
  // More bytes at the end of pending_, or at_end_.
  absl::Status Fill();
  absl::StatusOr<std::optional<BodyRecord>> NextLine();
  absl::StatusOr<std::optional<BodyRecord>> NextElement();
  absl::StatusOr<std::optional<BodyRecord>> Whole();
  // Fills until a byte that is no white space stands at place_; false at the end.
  absl::StatusOr<bool> SkipSpace();
  // Sets `end` behind the element at place_. False when the body ends before.
  absl::StatusOr<bool> FindElementEnd(size_t& end);
  absl::StatusOr<std::optional<BodyRecord>> Take(size_t end, size_t next);

  std::string_view packed_;
  const BodyForm form_;
  const Limits limits_;
  std::unique_ptr<http::ContentDecoder> decoder_;
  std::string pending_;  // unpacked; what is before place_ is done
  size_t place_ = 0;
  uint64_t unpacked_ = 0;
  uint64_t number_ = 0;
  uint64_t records_ = 0;
  bool at_end_ = false;
  enum class Array { kUnknown, kFirst, kInside, kDone };
  Array array_ = Array::kUnknown;
};

// Whether the bytes are one JSON value (RFC 8259); else what is wrong.
absl::Status CheckJson(std::string_view text);

}  // namespace afluente::source
