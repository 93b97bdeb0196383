#include "schema/message/protobuf_definition.h"

#include <string>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/compiler/parser.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "host/check.h"
#include "schema/parse_value.h"
#include "schema/text.h"

namespace afluente::schema {
namespace {

namespace pb = google::protobuf;

constexpr int kBracketsMax = 40;
constexpr char kFileName[] = "schema.proto";

// Keeps the first error, with its place.
class FirstError : public pb::io::ErrorCollector, public pb::DescriptorPool::ErrorCollector {
 public:
  explicit FirstError(const pb::compiler::SourceLocationTable& places) : places_(places) {}

  void AddError(int line, int column, const std::string& message) override {
    if (!text_.empty()) return;
    text_ = line < 0 ? message : Concat("line ", line + 1, " column ", column + 1, ": ", message);
  }
  void AddError(const std::string&, const std::string& element, const pb::Message* descriptor,
                ErrorLocation location, const std::string& message) override {
    int line = -1, column = 0;
    places_.Find(descriptor, location, &line, &column);
    AddError(line, column, Concat(element, ": ", message));
  }
  void AddWarning(int, int, const std::string&) override {}
  void AddWarning(const std::string&, const std::string&, const pb::Message*, ErrorLocation,
                  const std::string&) override {}

  bool empty() const { return text_.empty(); }
  absl::Status ToStatus() const {
    return absl::InvalidArgumentError(
        Concat("not a Protocol Buffer schema: ", text_.empty() ? "it cannot be read" : text_));
  }

 private:
  const pb::compiler::SourceLocationTable& places_;
  std::string text_;
};

// The parser is recursive: brackets are counted first.
void CheckNesting(std::string_view definition, FirstError& error) {
  pb::io::ArrayInputStream input(definition.data(), static_cast<int>(definition.size()));
  pb::io::Tokenizer tokenizer(&input, &error);
  tokenizer.set_comment_style(pb::io::Tokenizer::CPP_COMMENT_STYLE);
  int depth = 0;
  while (error.empty() && tokenizer.Next()) {
    const pb::io::Tokenizer::Token& token = tokenizer.current();
    if (token.type != pb::io::Tokenizer::TYPE_SYMBOL) continue;
    if (token.text == "{" || token.text == "[" || token.text == "(" || token.text == "<") ++depth;
    if (token.text == "}" || token.text == "]" || token.text == ")" || token.text == ">") --depth;
    if (depth > kBracketsMax) {
      error.AddError(token.line, token.column,
                     Concat("brackets nested more than ", kBracketsMax, " levels"));
    }
  }
}

const pb::FileDescriptor* WellKnownFile(std::string_view name) {
  for (const pb::FileDescriptor* file :
       {pb::Any::descriptor()->file(), pb::Duration::descriptor()->file(),
        pb::Empty::descriptor()->file(), pb::FieldMask::descriptor()->file(),
        pb::Struct::descriptor()->file(), pb::Timestamp::descriptor()->file(),
        pb::StringValue::descriptor()->file()}) {
    if (file->name() == name) return file;
  }
  return nullptr;
}

absl::Status Import(const pb::FileDescriptorProto& file, pb::DescriptorPool& pool) {
  for (const std::string& name : file.dependency()) {
    const pb::FileDescriptor* known = WellKnownFile(name);
    if (known == nullptr) {
      return absl::InvalidArgumentError(Concat("not a Protocol Buffer schema: import ",
                                               QuoteForMessage(name),
                                               ": only Google's well-known types can be imported"));
    }
    pb::FileDescriptorProto copy;
    known->CopyTo(&copy);
    if (pool.FindFileByName(name) == nullptr) AFLUENTE_CHECK(pool.BuildFile(copy) != nullptr);
  }
  return absl::OkStatus();
}

// What DynamicMessage and reflection do not carry.
absl::Status CheckSupported(const pb::Descriptor& message) {
  bool unsupported = message.options().message_set_wire_format();
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldOptions& options = message.field(i)->options();
    unsupported = unsupported || options.weak() || options.lazy();
  }
  if (unsupported) {
    return absl::InvalidArgumentError(
        Concat("not a Protocol Buffer schema: message ", message.full_name(),
               " has an option that is not supported: weak, lazy or message_set_wire_format"));
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AFLUENTE_RETURN_IF_ERROR(CheckSupported(*message.nested_type(i)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<const pb::Descriptor*> CompileProtobuf(std::string_view definition,
                                                      pb::DescriptorPool& pool) {
  pb::LogSilencer silencer;  // what is wrong is answered, not logged
  pb::compiler::SourceLocationTable places;
  FirstError error(places);
  CheckNesting(definition, error);
  if (!error.empty()) return error.ToStatus();

  pb::io::ArrayInputStream input(definition.data(), static_cast<int>(definition.size()));
  pb::io::Tokenizer tokenizer(&input, &error);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.RecordSourceLocationsTo(&places);
  pb::FileDescriptorProto file;
  if (!parser.Parse(&tokenizer, &file) || !error.empty()) return error.ToStatus();
  file.set_name(kFileName);

  if (file.message_type_size() != 1) {
    return absl::InvalidArgumentError(
        Concat("not a Protocol Buffer schema: expected one top-level message, found ",
               file.message_type_size()));
  }
  AFLUENTE_RETURN_IF_ERROR(Import(file, pool));
  const pb::FileDescriptor* built = pool.BuildFileCollectingErrors(file, &error);
  if (built == nullptr) return error.ToStatus();
  AFLUENTE_RETURN_IF_ERROR(CheckSupported(*built->message_type(0)));
  return built->message_type(0);
}

}  // namespace afluente::schema
