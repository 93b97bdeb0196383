#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/job_runner.h"
#include "warehouse/jobs/job_store.h"
#include "warehouse/jobs/job_work.h"
#include "warehouse/wire/multipart.h"
#include "warehouse/wire/uploads.h"

namespace afluente::warehouse::wire {
namespace {

using schema::Concat;

std::string HeaderOf(const Call& call, std::string_view name) {
  const std::string* value = call.request.headers.Find(name);
  return value == nullptr ? "" : *value;
}

absl::StatusOr<Answer> StartLoad(Context& context, Call& call, json resource, std::string file) {
  if (jobs::Member(jobs::ObjectOf(resource, "configuration"), "load") == nullptr) {
    context.runner.ports()
        .files.Remove(Concat(context.writer.staging_directory(), "/", file))
        .IgnoreError();
    return absl::InvalidArgumentError("an upload starts a load job");
  }
  resource["durable"] = true;
  const std::string path = Concat(context.writer.staging_directory(), "/", file);
  absl::StatusOr<jobs::Job> started = StartJob(context, call, resource, std::move(file));
  if (!started.ok()) {
    context.runner.ports().files.Remove(path).IgnoreError();
    return started.status();
  }
  Answer answer;
  answer.body =
      JobResource(context.runner.store().Find(started->project, started->id).value_or(*started));
  return answer;
}

// "bytes 0-9/100", "bytes 0-9/*" or "bytes */100".
struct ContentRange {
  uint64_t start = 0;
  bool has_bytes = true;
  std::optional<uint64_t> total;
};

std::optional<uint64_t> Number(std::string_view text) {
  const bool digits = !text.empty() && text.size() < 19 &&
                      text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits) return std::nullopt;
  return std::stoull(std::string(text));
}

absl::StatusOr<ContentRange> ParseRange(const std::string& header, size_t body_bytes) {
  ContentRange range;
  if (header.empty()) {
    range.total = body_bytes;
    return range;
  }
  const absl::Status wrong =
      absl::InvalidArgumentError("Invalid Content-Range: " + header.substr(0, 80));
  const size_t slash = header.find('/');
  if (!header.starts_with("bytes ") || slash == std::string::npos) return wrong;
  const std::string_view view = header;
  const std::string_view span = view.substr(6, slash - 6);
  const std::string_view total = view.substr(slash + 1);
  if (total != "*") {
    range.total = Number(total);
    if (!range.total) return wrong;
  }
  if (span == "*") {
    range.has_bytes = false;
    return range;
  }
  const size_t dash = span.find('-');
  const auto start = Number(span.substr(0, std::min(dash, span.size())));
  const auto end = dash == std::string_view::npos ? std::nullopt : Number(span.substr(dash + 1));
  if (!start || !end || *end + 1 < *start || *end + 1 - *start != body_bytes) return wrong;
  range.start = *start;
  return range;
}

}  // namespace

absl::StatusOr<Answer> UploadStart(Context& context, Call& call) {
  // Go's client posts the parts, too.
  if (call.Query("upload_id")) return UploadContinue(context, call);
  const std::string type =
      call.Query("uploadType").value_or(HeaderOf(call, "X-Goog-Upload-Protocol"));
  if (type == "resumable") {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string id,
                              context.uploads.Begin(call.Path("projectId"), call.body));
    Answer answer;
    const std::string host = HeaderOf(call, "Host");
    answer.headers.Add("Location", Concat(context.scheme, host, call.request.path,
                                          "?uploadType=resumable&upload_id=", id));
    answer.headers.Add("X-GUploader-UploadID", id);
    return answer;
  }
  if (type != "multipart") {
    return absl::UnimplementedError(
        Concat("uploadType ", type.empty() ? "(none)" : type,
               " is not supported: a load comes as multipart or resumable"));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const RelatedParts parts,
                            ParseRelated(HeaderOf(call, "Content-Type"), call.request.body));
  json resource = jobs::ParseJson(parts.resource);
  if (!resource.is_object()) {
    return absl::InvalidArgumentError("the first part of the upload is no JSON object");
  }
  AFLUENTE_ASSIGN_OR_RETURN(std::string file, context.uploads.Store(parts.media));
  return StartLoad(context, call, std::move(resource), std::move(file));
}

absl::StatusOr<Answer> UploadContinue(Context& context, Call& call) {
  const std::string id = call.Query("upload_id").value_or("");
  const std::string& body = call.request.body;
  AFLUENTE_ASSIGN_OR_RETURN(const ContentRange range,
                            ParseRange(HeaderOf(call, "Content-Range"), body.size()));
  AFLUENTE_ASSIGN_OR_RETURN(
      Uploads::Progress progress,
      context.uploads.Add(id, range.start, range.has_bytes ? std::string_view(body) : "",
                          range.total));
  if (progress.complete) {
    call.path.insert_or_assign("projectId", progress.project);
    return StartLoad(context, call, std::move(progress.resource), std::move(progress.file));
  }
  Answer answer;
  // Google's "Resume Incomplete"; a client in whose HTTP 308 is a redirect asks for another form.
  if (HeaderOf(call, "X-GUploader-No-308") == "yes") {
    answer.headers.Add("X-Http-Status-Code-Override", "308");
  } else {
    answer.status = 308;
  }
  if (progress.received > 0) {
    answer.headers.Add("Range", Concat("bytes=0-", progress.received - 1));
  }
  return answer;
}

const std::vector<MethodEntry>& UploadMethods() {
  static const std::vector<MethodEntry> kMethods = {
      {"upload.start", "POST", "/projects/{projectId}/jobs", "Begins an upload.", UploadStart},
      {"upload.continue", "PUT", "/projects/{projectId}/jobs", "Adds bytes to an upload.",
       UploadContinue},
  };
  return kMethods;
}

}  // namespace afluente::warehouse::wire
