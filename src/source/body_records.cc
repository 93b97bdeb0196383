#include "source/body_records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "simdjson.h"

namespace afluente::source {
namespace {

constexpr size_t kPieceBytes = 64 << 10;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

std::optional<BodyForm> FormOfContentType(std::string_view content_type) {
  const std::string name(absl::AsciiStrToLower(absl::StripAsciiWhitespace(absl::string_view(
      content_type.data(), std::min(content_type.find(';'), content_type.size())))));
  for (const char* lines : {"application/x-ndjson", "application/ndjson", "application/jsonl",
                            "application/x-jsonlines", "application/jsonlines"}) {
    if (name == lines) return BodyForm::kJsonLines;
  }
  if (name == "application/json") return BodyForm::kJson;
  if (name == "text/plain") return BodyForm::kTextLines;
  if (name == "application/octet-stream") return BodyForm::kBytes;
  return std::nullopt;
}

absl::Status CheckJson(std::string_view text) {
  // A parser keeps its buffers; one a thread is enough.
  thread_local simdjson::dom::parser parser;
  const auto error = parser.parse(text.data(), text.size()).error();
  // A large document's buffers would stay for as long as the thread.
  if (text.size() > (1 << 20)) parser = simdjson::dom::parser();
  if (error == simdjson::SUCCESS) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("not a JSON value: ", simdjson::error_message(error)));
}

BodyRecords::BodyRecords(std::string_view body, BodyForm form, http::ContentCoding coding,
                         Limits limits)
    : packed_(body), form_(form), limits_(limits), decoder_(http::ContentDecoder::Create(coding)) {}

absl::Status BodyRecords::Fill() {
  if (place_ > kPieceBytes) {
    pending_.erase(0, place_);
    place_ = 0;
  }
  const size_t before = pending_.size();
  AFLUENTE_RETURN_IF_ERROR(decoder_->Decode(packed_, pending_, kPieceBytes));
  unpacked_ += pending_.size() - before;
  if (unpacked_ > limits_.body_bytes_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the body has more than ", limits_.body_bytes_max, " bytes unpacked"));
  }
  if (pending_.size() > before || !packed_.empty()) return absl::OkStatus();
  if (!decoder_->whole()) return absl::InvalidArgumentError("the compressed body is cut");
  at_end_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<BodyRecord>> BodyRecords::Take(size_t end, size_t next) {
  if (++records_ > limits_.records_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the body has more than ", limits_.records_max, " messages"));
  }
  BodyRecord record;
  record.number = number_;
  const size_t size = end - place_;
  if (size > limits_.record_bytes_max) {
    record.error = absl::StrCat("more than ", limits_.record_bytes_max, " bytes");
  } else {
    record.data.assign(pending_, place_, size);
    const bool json = form_ == BodyForm::kJsonLines || form_ == BodyForm::kJson;
    const absl::Status status = json ? CheckJson(record.data) : absl::OkStatus();
    if (!status.ok()) record.error = std::string(status.message());
  }
  place_ = next;
  return record;
}

absl::StatusOr<std::optional<BodyRecord>> BodyRecords::Next() {
  switch (form_) {
    case BodyForm::kJsonLines:
    case BodyForm::kTextLines:
      return NextLine();
    case BodyForm::kJson:
      return NextElement();
    case BodyForm::kBytes:
      break;
  }
  return Whole();
}

absl::StatusOr<std::optional<BodyRecord>> BodyRecords::NextLine() {
  size_t looked = place_;
  while (true) {
    size_t end = pending_.find('\n', looked);
    if (end == std::string::npos && !at_end_) {
      const size_t behind = pending_.size() - place_;
      AFLUENTE_RETURN_IF_ERROR(Fill());
      looked = place_ + behind;
      continue;
    }
    if (end == std::string::npos && place_ == pending_.size()) return std::nullopt;
    const bool last = end == std::string::npos;
    if (last) end = pending_.size();
    ++number_;
    size_t cut = end;
    if (cut > place_ && pending_[cut - 1] == '\r') --cut;
    const size_t next = last ? end : end + 1;
    if (cut > place_) return Take(cut, next);
    place_ = looked = next;
  }
}

absl::StatusOr<bool> BodyRecords::SkipSpace() {
  while (true) {
    while (place_ < pending_.size() && IsSpace(pending_[place_])) ++place_;
    if (place_ < pending_.size()) return true;
    if (at_end_) return false;
    AFLUENTE_RETURN_IF_ERROR(Fill());
  }
}

absl::StatusOr<bool> BodyRecords::FindElementEnd(size_t& end) {
  size_t at = place_;
  int depth = 0;
  bool quoted = false, escaped = false;
  while (true) {
    for (; at < pending_.size(); ++at) {
      const char c = pending_[at];
      if (quoted) {
        quoted = escaped || c != '"';
        escaped = !escaped && c == '\\';
        continue;
      }
      if (c == '"') quoted = true;
      if (c == '[' || c == '{') ++depth;
      const bool closes = c == ']' || c == '}';
      if (depth == 0 && (closes || c == ',')) {
        end = at;
        return true;
      }
      if (closes) --depth;
    }
    if (at_end_) return false;
    const size_t behind = at - place_;
    AFLUENTE_RETURN_IF_ERROR(Fill());
    at = place_ + behind;
  }
}

absl::StatusOr<std::optional<BodyRecord>> BodyRecords::NextElement() {
  AFLUENTE_ASSIGN_OR_RETURN(bool more, SkipSpace());
  if (array_ == Array::kUnknown) {
    if (!more) return std::nullopt;
    if (pending_[place_] != '[') return Whole();
    ++place_;
    array_ = Array::kFirst;
    AFLUENTE_ASSIGN_OR_RETURN(more, SkipSpace());
  }
  const auto broken = [this](std::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("the JSON array ", std::string(what), " after element ", number_));
  };
  if (array_ == Array::kDone) {
    if (more) return broken("is followed by something else");
    return std::nullopt;
  }
  if (!more) return broken("does not end");
  if (array_ == Array::kFirst && pending_[place_] == ']') {
    ++place_;
    array_ = Array::kDone;
    return NextElement();
  }
  size_t end = 0;
  AFLUENTE_ASSIGN_OR_RETURN(const bool ended, FindElementEnd(end));
  if (!ended) return broken("does not end");
  if (pending_[end] == '}') return broken("is closed by }");
  ++number_;
  array_ = pending_[end] == ']' ? Array::kDone : Array::kInside;
  size_t cut = end;
  while (cut > place_ && IsSpace(pending_[cut - 1])) --cut;
  return Take(cut, end + 1);
}

absl::StatusOr<std::optional<BodyRecord>> BodyRecords::Whole() {
  if (number_ > 0) return std::nullopt;
  while (!at_end_) AFLUENTE_RETURN_IF_ERROR(Fill());
  if (form_ == BodyForm::kJson) {
    // White space around the value is not part of it.
    while (!pending_.empty() && IsSpace(pending_.back())) pending_.pop_back();
  }
  if (place_ >= pending_.size()) return std::nullopt;
  number_ = 1;
  return Take(pending_.size(), pending_.size());
}

}  // namespace afluente::source
