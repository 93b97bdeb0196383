#include "broker/records.h"

#include <set>

#include "broker/ack_id.h"
#include "broker/snapshot.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

TopicSettings SomeTopic() {
  TopicSettings settings;
  settings.name = "projects/p/topics/data";
  settings.labels = {{"team", "sea"}, {"x", ""}};
  settings.message_retention = std::chrono::seconds(600);
  settings.schema = SchemaSettings{"projects/p/schemas/event", Encoding::kBinary, "a1", "b2"};
  settings.transforms = {{"clean", "function clean(m) { return m; }", true}};
  return settings;
}

SubscriptionSettings SomeSubscription() {
  SubscriptionSettings settings;
  settings.name = "projects/p/subscriptions/all";
  settings.topic = "projects/p/topics/data";
  settings.labels = {{"a", "b"}};
  settings.ack_deadline = std::chrono::seconds(77);
  settings.filter = "attributes:x";
  settings.retain_acked_messages = true;
  settings.enable_message_ordering = true;
  settings.message_retention = std::chrono::seconds(1234);
  settings.expiration_ttl = std::chrono::seconds(0);
  settings.enable_exactly_once_delivery = true;
  settings.detached = true;
  settings.dead_letter_policy = DeadLetterPolicy{"projects/p/topics/dead", 7};
  settings.retry_policy = RetryPolicy{std::chrono::milliseconds(1500), std::chrono::seconds(60)};
  settings.push = PushConfig{"http://127.0.0.1:1/x",
                             {{"x-goog-version", "v1"}},
                             OidcToken{"push@p.example", "aud"},
                             false,
                             true};
  settings.bigquery = BigqueryConfig{"p.d.t", true, false, true, true, "writer@p.example"};
  settings.transforms = {{"f", "code", false}, {"g", "", true}};
  return settings;
}

host::WallTime SomeTime() {
  return host::WallTime(std::chrono::microseconds(1'700'000'000'123'456));
}

SchemaRevision SomeRevision() {
  return {"projects/p/schemas/event", schema::SchemaLanguage::kProtobuf, "message A {}", "a1b2c3d4",
          SomeTime()};
}

Policy SomePolicy() {
  Policy policy;
  policy.version = 3;
  policy.etag = std::string("\0\xff", 2);
  policy.bindings.push_back({"roles/viewer", {"allUsers", "user:a@b.example"}, {}});
  policy.bindings.push_back({"roles/editor", {"allUsers"}, {"true", "title", "text", "place"}});
  return policy;
}

std::string SomePublish() {
  std::vector<event::Draft> drafts;
  drafts.push_back({"data", {{"a", "1"}, {"b", std::string(300, 'v')}}, "key"});
  drafts.push_back({std::string("\0\xff", 2), {}, ""});
  drafts.push_back({"", {{"only", ""}}, ""});
  std::string payload = EncodePublish(42, drafts);
  SetPublishTime(payload, host::WallTime(std::chrono::microseconds(1'700'000'000'123'456)));
  return payload;
}

std::string SomeSnapshot() {
  MessageIndex index;
  index.Append({3, 64, 100}, 10, host::WallTime(std::chrono::seconds(1'700'000'000)));
  index.Append({3, 164, 1000}, 1, host::WallTime(std::chrono::seconds(1'700'000'500)));
  index.Append({9, 64, 70000}, 1000, host::WallTime(std::chrono::seconds(1'700'000'501)));
  StateImage image;
  image.next_incarnation = 12;
  image.released_segment = 2;
  image.topics.push_back({5, false, SomeTopic(),
                          host::WallTime(std::chrono::microseconds(1'700'000'501'000'001)),
                          index.end(), index.Share()});
  image.topics.push_back({6, true, SomeTopic(), host::WallTime(), 1, {}});
  image.subscriptions.push_back(
      {11, 5, SomeSubscription(), 4, {{6, 6}, {9, 500}}, 3, 17, {{7, 2}, {600, 100}}});
  image.snapshots.push_back(
      {{"projects/p/snapshots/s", "_deleted-topic_", {{"a", "b"}}, SomeTime()}, 6, 7, {{9, 10}}});
  image.schemas = {SomeRevision(), SomeRevision()};
  image.policies.emplace_back("projects/p/topics/data", SomePolicy());
  return EncodeSnapshot(image);
}

absl::StatusOr<SharedBatch> DecodeNumbered(std::string_view payload, uint64_t first_sequence) {
  auto batch = std::make_shared<Batch>();
  if (absl::Status read = DecodePublish(payload, *batch); !read.ok()) return read;
  batch->Number(42, first_sequence);
  return SharedBatch(std::move(batch));
}

TEST(Records, OnlyAPublishToThatTopicIsOne) {
  EXPECT_TRUE(IsPublishTo(42, SomePublish()));
  EXPECT_FALSE(IsPublishTo(43, SomePublish()));
  EXPECT_FALSE(IsPublishTo(42, SomePublish().substr(0, 12)));
  EXPECT_FALSE(IsPublishTo(42, Encode(DeleteTopicRecord{std::string(100, 'x')})));
}

TEST(Records, APublishComesBack) {
  std::string payload = SomePublish();
  auto record = Decode(payload);
  ASSERT_TRUE(record.ok());
  auto head = std::get<PublishRecord>(*record);
  EXPECT_EQ(head.incarnation, 42);
  EXPECT_EQ(head.count, 3);
  auto batch = DecodeNumbered(payload, 7);
  ASSERT_TRUE(batch.ok());
  ASSERT_EQ((*batch)->messages.size(), 3);
  const event::Message& first = (*batch)->At(7);
  EXPECT_EQ(first.data, "data");
  EXPECT_EQ(first.attributes[1].second.size(), 300);
  EXPECT_EQ(first.ordering_key, "key");
  EXPECT_EQ(first.message_id, "4200000000000007");
  EXPECT_EQ(first.publish_time.time_since_epoch().count(), 1'700'000'000'123'456);
  EXPECT_EQ((*batch)->At(8).data, std::string("\0\xff", 2));
  EXPECT_EQ((*batch)->At(9).sequence, 9);
}

std::string SomeDeadLetter() {
  std::string payload = EncodeDeadLetter(42, 9, 1234567, {"data", {{"a", "1"}}, "key"});
  SetPublishTime(payload, host::WallTime(std::chrono::microseconds(1'700'000'000'123'456)));
  return payload;
}

TEST(Records, ADeadLetterIsAPublishThatSaysWhereItFailed) {
  auto record = Decode(SomeDeadLetter());
  ASSERT_TRUE(record.ok()) << record.status();
  auto dead = std::get<DeadLetterRecord>(*record);
  EXPECT_EQ(dead.publish.incarnation, 42);
  EXPECT_EQ(dead.publish.count, 1);
  EXPECT_EQ(dead.publish.publish_time.time_since_epoch().count(), 1'700'000'000'123'456);
  EXPECT_EQ(dead.subscription, 9);
  EXPECT_EQ(dead.sequence, 1234567);
  auto batch = DecodeNumbered(SomeDeadLetter(), 7);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ((*batch)->At(7).data, "data");
  EXPECT_EQ((*batch)->At(7).ordering_key, "key");
}

TEST(Records, AKeyedPublishIsAPublishWithItsKey) {
  std::string payload = EncodeKeyedPublish(42, "store/17", {"data", {{"a", "1"}}, "key"});
  SetPublishTime(payload, SomeTime());
  auto record = Decode(payload);
  ASSERT_TRUE(record.ok()) << record.status();
  auto keyed = std::get<KeyedPublishRecord>(*record);
  EXPECT_EQ(keyed.publish.incarnation, 42);
  EXPECT_EQ(keyed.publish.publish_time, SomeTime());
  EXPECT_EQ(keyed.key, "store/17");
  EXPECT_TRUE(IsPublishTo(42, payload));
  auto batch = DecodeNumbered(payload, 7);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ((*batch)->At(7).data, "data");
  EXPECT_EQ((*batch)->At(7).ordering_key, "key");
  for (size_t cut = 0; cut < payload.size(); ++cut) {
    EXPECT_FALSE(DecodeNumbered(payload.substr(0, cut), 7).ok()) << cut;
  }
}

MovedRecord SomeMoved() {
  MovedRecord record;
  record.incarnation = 42;
  record.first_sequence = 7;
  event::Message message;
  message.data = std::string("\0\xff", 2);
  message.attributes = {{"a", "1"}, {"b", ""}};
  message.ordering_key = "key";
  message.publish_time = SomeTime();
  AddMoved(message, record);
  message.data = "second";
  message.publish_time += std::chrono::seconds(5);
  AddMoved(message, record);
  return record;
}

TEST(Records, MovedMessagesComeBackAsTheyWere) {
  const std::string payload = Encode(SomeMoved());
  EXPECT_TRUE(IsMoveOf(42, payload));
  EXPECT_FALSE(IsMoveOf(43, payload));
  EXPECT_FALSE(IsMoveOf(42, SomePublish()));
  EXPECT_FALSE(IsPublishTo(42, payload));
  auto head = Decode(payload);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(std::get<MovedRecord>(*head).first_sequence, 7);
  EXPECT_EQ(std::get<MovedRecord>(*head).count, 2);
  Batch batch;
  ASSERT_TRUE(DecodeMoved(payload, batch).ok());
  ASSERT_EQ(batch.messages.size(), 2);
  EXPECT_EQ(batch.At(7).data, std::string("\0\xff", 2));
  EXPECT_EQ(batch.At(7).attributes.size(), 2);
  EXPECT_EQ(batch.At(7).ordering_key, "key");
  EXPECT_EQ(batch.At(7).message_id, "4200000000000007");
  EXPECT_EQ(batch.At(7).publish_time, SomeTime());
  EXPECT_EQ(batch.At(8).data, "second");
  EXPECT_EQ(batch.At(8).publish_time, SomeTime() + std::chrono::seconds(5));
  for (size_t cut = 0; cut < payload.size(); ++cut) {
    Batch part;
    EXPECT_TRUE(absl::IsDataLoss(DecodeMoved(payload.substr(0, cut), part))) << cut;
  }
}

std::vector<std::string> OtherRecords() {
  return {Encode(CreateTopicRecord{SomeTopic()}),
          Encode(UpdateTopicRecord{SomeTopic()}),
          Encode(DeleteTopicRecord{"projects/p/topics/data"}),
          Encode(ForgetTopicRecord{300}),
          Encode(CreateSubscriptionRecord{SomeSubscription()}),
          Encode(UpdateSubscriptionRecord{SomeSubscription()}),
          Encode(DeleteSubscriptionRecord{"projects/p/subscriptions/all"}),
          Encode(AcksRecord{9, {{1, 5}, {7, 7}, {1000000, 2000000}}}),
          Encode(ReleaseRecord{17}),
          Encode(CreateSnapshotRecord{"snap", "sub", {{"a", "b"}}, SomeTime()}),
          Encode(UpdateSnapshotRecord{"snap", {{"a", "b"}}, SomeTime()}),
          Encode(DeleteSnapshotRecord{"snap"}),
          Encode(SeekToTimeRecord{300, SomeTime(), 1'700'000, 400}),
          Encode(SeekToSnapshotRecord{300, SomeTime(), 1'700'000, "snap"}),
          Encode(DetachSubscriptionRecord{"sub"}),
          Encode(CreateSchemaRecord{SomeRevision()}),
          Encode(CommitSchemaRecord{SomeRevision()}),
          Encode(DeleteSchemaRevisionRecord{"schema", "a1b2c3d4"}),
          Encode(DeleteSchemaRecord{"schema"}),
          Encode(SetPolicyRecord{"topic", "etag", SomePolicy()}),
          Encode(FailuresRecord{9, {{1, 5}, {2, 1}, {1000000, 100}}}),
          Encode(ForgetKeysRecord{{"store/17", "", "key"}})};
}

TEST(Records, EncodingWhatWasDecodedGivesTheSameBytes) {
  std::set<size_t> kinds;
  for (const std::string& payload : OtherRecords()) {
    auto record = Decode(payload);
    ASSERT_TRUE(record.ok()) << record.status();
    kinds.insert(record->index());
    EXPECT_EQ(Encode(*record), payload);
  }
  // All but the three that publish and the one that moves.
  EXPECT_EQ(kinds.size(), std::variant_size_v<Record> - 4);
  auto acks = std::get<AcksRecord>(*Decode(OtherRecords()[7]));
  EXPECT_EQ(acks.ranges.back(), SequenceSet::Range(1000000, 2000000));
  auto topic = std::get<CreateTopicRecord>(*Decode(OtherRecords()[0])).settings;
  EXPECT_EQ(topic.labels, SomeTopic().labels);
  EXPECT_EQ(topic.message_retention, SomeTopic().message_retention);
  EXPECT_EQ(topic.schema, SomeTopic().schema);
  EXPECT_EQ(topic.transforms, SomeTopic().transforms);
}

TEST(Records, EverySettingOfASubscriptionComesBack) {
  auto settings = std::get<CreateSubscriptionRecord>(*Decode(OtherRecords()[4])).settings;
  SubscriptionSettings wanted = SomeSubscription();
  EXPECT_EQ(settings.name, wanted.name);
  EXPECT_EQ(settings.topic, wanted.topic);
  EXPECT_EQ(settings.labels, wanted.labels);
  EXPECT_EQ(settings.ack_deadline, wanted.ack_deadline);
  EXPECT_EQ(settings.filter, wanted.filter);
  EXPECT_EQ(settings.retain_acked_messages, wanted.retain_acked_messages);
  EXPECT_EQ(settings.enable_message_ordering, wanted.enable_message_ordering);
  EXPECT_EQ(settings.message_retention, wanted.message_retention);
  EXPECT_TRUE(settings.enable_exactly_once_delivery);
  EXPECT_TRUE(settings.detached);
  EXPECT_EQ(settings.dead_letter_policy, wanted.dead_letter_policy);
  EXPECT_EQ(settings.retry_policy, wanted.retry_policy);
  EXPECT_EQ(settings.push, wanted.push);
  EXPECT_EQ(settings.bigquery, wanted.bigquery);
  EXPECT_EQ(settings.transforms, wanted.transforms);
  EXPECT_EQ(settings.expiration_ttl, wanted.expiration_ttl);
}

TEST(Records, EveryFieldOfAResourceComesBack) {
  std::vector<std::string> all = OtherRecords();
  auto made = std::get<CreateSnapshotRecord>(*Decode(all[9]));
  EXPECT_EQ(made.name, "snap");
  EXPECT_EQ(made.subscription, "sub");
  EXPECT_EQ(made.labels.at("a"), "b");
  EXPECT_EQ(made.time, SomeTime());
  auto seek = std::get<SeekToTimeRecord>(*Decode(all[12]));
  EXPECT_EQ(seek.subscription, 300);
  EXPECT_EQ(seek.generation, 1'700'000);
  EXPECT_EQ(seek.first_unacked, 400);
  EXPECT_EQ(std::get<SeekToSnapshotRecord>(*Decode(all[13])).snapshot, "snap");
  auto revision = std::get<CommitSchemaRecord>(*Decode(all[16])).revision;
  EXPECT_EQ(revision.language, schema::SchemaLanguage::kProtobuf);
  EXPECT_EQ(revision.definition, SomeRevision().definition);
  EXPECT_EQ(revision.revision_id, SomeRevision().revision_id);
  EXPECT_EQ(revision.revision_create_time, SomeTime());
  auto policy = std::get<SetPolicyRecord>(*Decode(all[19]));
  EXPECT_EQ(policy.expected_etag, "etag");
  EXPECT_EQ(policy.policy, SomePolicy());
}

TEST(Records, ASnapshotComesBack) {
  std::string bytes = SomeSnapshot();
  auto image = DecodeSnapshot(bytes);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(EncodeSnapshot(*image), bytes);
  EXPECT_EQ(image->subscriptions[0].failures, (std::vector<FailureCount>{{7, 2}, {600, 100}}));
  MessageIndex index(image->topics[0].index, image->topics[0].end);
  EXPECT_EQ(index.Find(12)->place, (log::Place{9, 64, 70000}));
  EXPECT_EQ(index.Find(11)->place, (log::Place{3, 164, 1000}));
}

TEST(Records, APrefixIsDataLoss) {
  std::vector<std::string> all = OtherRecords();
  for (const std::string& whole : all) {
    for (size_t size = 0; size < whole.size(); ++size)
      EXPECT_TRUE(absl::IsDataLoss(Decode(whole.substr(0, size)).status())) << size;
    EXPECT_TRUE(absl::IsDataLoss(Decode(whole + "x").status()));
  }
  for (const std::string& publish : {SomePublish(), SomeDeadLetter()}) {
    for (size_t size = 0; size < publish.size(); ++size)
      EXPECT_TRUE(absl::IsDataLoss(DecodeNumbered(publish.substr(0, size), 1).status())) << size;
  }
  std::string snapshot = SomeSnapshot();
  for (size_t size = 0; size < snapshot.size(); ++size)
    EXPECT_TRUE(absl::IsDataLoss(DecodeSnapshot(snapshot.substr(0, size)).status())) << size;
}

TEST(AckIds, ComeBackAndRefuseNonsense) {
  AckId id{1, UINT64_MAX, 12345};
  auto parsed = ParseAckId(FormatAckId(id));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->sequence, UINT64_MAX);
  EXPECT_EQ(parsed->generation, 12345);
  EXPECT_FALSE(parsed->ordered);
  id.ordered = true;
  EXPECT_TRUE(ParseAckId(FormatAckId(id))->ordered);
  for (const char* bad : {"", "-", "1-2", "1-2-", "1-2-3-4", "1-2-3 ", "x-2-3", "-1-2-3",
                          "1-11111111111111111-3", "1--3", "1-2-3oo", "1-2-o", "o"}) {
    EXPECT_FALSE(ParseAckId(bad)) << bad;
  }
}

}  // namespace
}  // namespace afluente::broker
