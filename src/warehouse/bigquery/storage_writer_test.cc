#include "warehouse/bigquery/storage_writer.h"

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <deque>

#include "warehouse/conformance.h"

namespace afluente::warehouse::bigquery {
namespace {

using schema::TypeKind;
using schema::Value;
using std::chrono::seconds;
namespace storage = google::cloud::bigquery::storage::v1;

// The Storage Write API as far as default streams go; reads the rows by the schema that it is sent.
class FakeStorage final : public storage::BigQueryWrite::Service {
 public:
  FakeStorage() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(10 << 20);  // the API's own limit
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    endpoint_ = "127.0.0.1:" + std::to_string(port);
  }
  ~FakeStorage() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status AppendRows(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<storage::AppendRowsResponse,
                                                   storage::AppendRowsRequest>* stream) override {
    google::protobuf::DescriptorPool pool;
    const google::protobuf::Descriptor* row = nullptr;
    storage::AppendRowsRequest request;
    ++calls;
    if (!fail_with.empty()) {
      const grpc::Status status = fail_with.front();
      fail_with.pop_front();
      return status;
    }
    const auto routing = context->client_metadata().find("x-goog-request-params");
    if (routing != context->client_metadata().end()) {
      params = std::string(routing->second.data(), routing->second.size());
    }
    google::protobuf::DynamicMessageFactory factory(&pool);
    while (stream->Read(&request)) {
      ++requests;
      if (request.proto_rows().has_writer_schema()) {
        google::protobuf::FileDescriptorProto file;
        file.set_name("row.proto");
        *file.add_message_type() = request.proto_rows().writer_schema().proto_descriptor();
        const auto* built = pool.BuildFile(file);
        if (built == nullptr) return {grpc::StatusCode::INVALID_ARGUMENT, "not a schema"};
        row = built->message_type(0);
      }
      storage::AppendRowsResponse response;
      for (const std::string& bytes : request.proto_rows().rows().serialized_rows()) {
        std::unique_ptr<google::protobuf::Message> message(factory.GetPrototype(row)->New());
        if (!message->ParseFromString(bytes)) {
          return {grpc::StatusCode::INVALID_ARGUMENT, "not a row"};
        }
        rows.push_back(message->ShortDebugString());
      }
      if (refuse_row) {
        response.mutable_error()->set_code(3);
        auto* error = response.add_row_errors();
        error->set_index(1);
        error->set_message("Field a: out of range");
      } else {
        response.mutable_append_result();
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  std::string endpoint_;
  std::string params;
  std::vector<std::string> rows;
  std::deque<grpc::Status> fail_with;
  bool refuse_row = false;
  int calls = 0;
  int requests = 0;

 private:
  std::unique_ptr<grpc::Server> server_;
};

class StorageWriterTest : public testing::Test {
 protected:
  StorageWriterTest()
      : writer_([] { return "t"; }, clock_,
                {.endpoint = google_.endpoint_,
                 .plaintext = true,
                 .attempt_timeout = seconds(60),
                 .pause_first = std::chrono::milliseconds(1),
                 .pause_max = std::chrono::milliseconds(2)}) {
    rows_.table.name = {"proj", "ds", "t"};
    rows_.table.function_fed = true;
    rows_.table.columns = {Nullable("a", Scalar(TypeKind::kInt64)),
                           Nullable("d", Scalar(TypeKind::kDate)),
                           Nullable("dt", Scalar(TypeKind::kDatetime)),
                           Nullable("f", Scalar(TypeKind::kFloat64)),
                           Nullable("l", schema::Type::Array(Scalar(TypeKind::kString))),
                           Nullable("s", schema::Type::Struct({{"x", Scalar(TypeKind::kBool)}}))};
  }

  std::vector<Value> Row(int64_t a, const std::string& id) {
    return {Int(a),
            Int(1),
            Int(1'000'000),
            Value(0.5),
            Value(Value::List{Text("p"), Text("q")}),
            Value(Value::List{Value(true)}),
            Text(id),
            Int(0)};
  }
  absl::Status Write(seconds limit = seconds(60)) {
    return writer_.Write(rows_, clock_.Monotonic() + limit);
  }

  host::SystemClock clock_;
  FakeStorage google_;
  StorageWriter writer_;
  RowsToWrite rows_;
};

TEST_F(StorageWriterTest, RowsArriveAsUpserts) {
  rows_.rows = {Row(7, "m1"), Row(-1, "m2")};
  rows_.rows[1][4] = Value();
  ASSERT_TRUE(Write().ok());
  ASSERT_EQ(google_.rows.size(), 2u);
  EXPECT_EQ(google_.rows[0],
            "a: 7 d: 1 dt: \"1970-01-01T00:00:01\" f: 0.5 l: \"p\" l: \"q\" s { x: true } "
            "_message_id: \"m1\" _message_row: 0 _CHANGE_TYPE: \"UPSERT\" "
            "_CHANGE_SEQUENCE_NUMBER: \"0\"");
  EXPECT_EQ(google_.rows[1].find("l:"), std::string::npos);
  EXPECT_EQ(google_.params, "write_stream=projects/proj/datasets/ds/tables/t/streams/_default");
}

TEST_F(StorageWriterTest, ManyBytesGoInSeveralRequestsOfOneCall) {
  rows_.table.columns = {Nullable("a", Scalar(TypeKind::kString))};
  for (int i = 0; i < 5; ++i) {
    rows_.rows.push_back({Text(std::string(3 << 20, 'x')), Text("m"), Int(i)});
  }
  ASSERT_TRUE(Write().ok());
  EXPECT_EQ(google_.rows.size(), 5u);
  EXPECT_EQ(google_.calls, 1);
  EXPECT_EQ(google_.requests, 3);
}

TEST_F(StorageWriterTest, WhatPassesIsTriedAgain) {
  google_.fail_with = {grpc::Status(grpc::StatusCode::UNAVAILABLE, "moving"),
                       grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "slow down")};
  rows_.rows = {Row(1, "m")};
  EXPECT_TRUE(Write().ok());
  EXPECT_EQ(google_.calls, 3);
}

TEST_F(StorageWriterTest, WhatDoesNotPassIsToldAtOnce) {
  google_.fail_with = {grpc::Status(grpc::StatusCode::NOT_FOUND, "no such table")};
  rows_.rows = {Row(1, "m")};
  EXPECT_TRUE(absl::IsNotFound(Write()));
  EXPECT_EQ(google_.calls, 1);
}

TEST_F(StorageWriterTest, ARefusedRowIsNamed) {
  google_.refuse_row = true;
  rows_.rows = {Row(1, "m"), Row(2, "n")};
  const absl::Status status = Write();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "row 1: Field a: out of range");
}

TEST_F(StorageWriterTest, NobodyThereIsUnavailableInTime) {
  StorageWriter nowhere([] { return ""; }, clock_, {.endpoint = "127.0.0.1:1", .plaintext = true});
  rows_.rows = {Row(1, "m")};
  const absl::Status status =
      nowhere.Write(rows_, clock_.Monotonic() + std::chrono::milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) << status;
}

}  // namespace
}  // namespace afluente::warehouse::bigquery
