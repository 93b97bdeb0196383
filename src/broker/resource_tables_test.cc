// The pure tables of snapshots, schemas and policies.
#include "broker/policy_limits.h"
#include "broker/policy_table.h"
#include "broker/schema_table.h"
#include "broker/snapshot_table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const host::WallTime kNow{hours(24 * 365 * 50)};

TEST(SnapshotExpiry, IsAWeekLessTheAgeOfTheOldest) {
  EXPECT_EQ(*SnapshotExpiry(kNow, std::nullopt), kNow + hours(7 * 24));
  EXPECT_EQ(*SnapshotExpiry(kNow, kNow - hours(3 * 24)), kNow + hours(4 * 24));
  EXPECT_EQ(*SnapshotExpiry(kNow, kNow - hours(7 * 24 - 1)), kNow + hours(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      SnapshotExpiry(kNow, kNow - hours(7 * 24 - 1) - seconds(1)).status()));
  // Rounded up, a publish time may lie ahead.
  EXPECT_EQ(*SnapshotExpiry(kNow, kNow + seconds(1)), kNow + hours(7 * 24));
}

SnapshotTable::Snapshot SomeSnapshot(const std::string& id, uint64_t topic) {
  SnapshotTable::Snapshot snapshot;
  snapshot.settings = {
      "projects/p/snapshots/" + id, "projects/p/topics/data", {{"a", "b"}}, kNow + hours(1)};
  snapshot.topic = topic;
  snapshot.acked = SequenceSet(5);
  snapshot.acked.Add(8, 9);
  return snapshot;
}

TEST(SnapshotTable, KeepsListsAndGivesBackWhatItCaptured) {
  SnapshotTable table;
  ASSERT_TRUE(table.Create(SomeSnapshot("s1", 7)).ok());
  ASSERT_TRUE(table.Create(SomeSnapshot("s2", 7)).ok());
  ASSERT_TRUE(table.Create(SomeSnapshot("other", 8)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(table.Create(SomeSnapshot("s1", 9))));
  EXPECT_TRUE(table.Holds(8));
  EXPECT_FALSE(table.Holds(9));
  auto page = table.ListNames(7, kNow, 1, "");
  EXPECT_THAT(page.items, ElementsAre("projects/p/snapshots/s1"));
  EXPECT_THAT(table.ListNames(7, kNow, 1, page.next_page_token).items,
              ElementsAre("projects/p/snapshots/s2"));
  EXPECT_EQ(table.ListNames(7, kNow, 2, "").next_page_token, "");
  EXPECT_EQ(table.List("projects/p/", kNow, 10, "").items.size(), 3);
  EXPECT_THAT(table.List("projects/p/", kNow + hours(1), 10, "").items, IsEmpty());
  EXPECT_THAT(table.List("projects/q/", kNow, 10, "").items, IsEmpty());

  SnapshotTable restored;
  for (SnapshotImage& each : table.Capture()) EXPECT_TRUE(restored.Restore(std::move(each)));
  auto found = restored.Find("projects/p/snapshots/s2");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->topic, 7);
  EXPECT_TRUE(found->acked.Contains(8));
  EXPECT_EQ(found->acked.NextMissing(0), 6);
  EXPECT_EQ(found->settings.labels.at("a"), "b");
}

TEST(SnapshotTable, AnUpdateNeverMakesItLiveLonger) {
  SnapshotTable table;
  ASSERT_TRUE(table.Create(SomeSnapshot("s1", 7)).ok());
  const std::string name = "projects/p/snapshots/s1";
  ASSERT_TRUE(table.Update(name, {{"x", "y"}}, kNow + hours(2)).ok());
  EXPECT_EQ(table.Find(name)->settings.expire_time, kNow + hours(1));
  ASSERT_TRUE(table.Update(name, {}, kNow + seconds(5)).ok());
  EXPECT_EQ(table.Find(name)->settings.expire_time, kNow + seconds(5));
  EXPECT_TRUE(absl::IsNotFound(table.Update("projects/p/snapshots/none", {}, kNow)));
  table.MarkTopicDeleted(7);
  EXPECT_EQ(table.Find(name)->settings.topic, "_deleted-topic_");
  EXPECT_TRUE(table.Delete(name).ok());
  EXPECT_TRUE(absl::IsNotFound(table.Delete(name)));
}

SchemaRevision Revision(const std::string& id, const std::string& name = "projects/p/schemas/abc") {
  return {name, schema::SchemaLanguage::kAvro, R"("string")", id, kNow};
}

TEST(SchemaTable, RevisionsComeAndGo) {
  SchemaTable table;
  EXPECT_TRUE(absl::IsNotFound(table.Commit(Revision("1"))));
  ASSERT_TRUE(table.Create(Revision("1")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(table.Create(Revision("2"))));
  EXPECT_TRUE(absl::IsInvalidArgument(table.DeleteRevision("projects/p/schemas/abc", "1")));
  ASSERT_TRUE(table.Commit(Revision("2")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(table.Commit(Revision("2"))));
  SchemaRevision other = Revision("3");
  other.language = schema::SchemaLanguage::kProtobuf;
  EXPECT_TRUE(absl::IsInvalidArgument(table.Commit(other)));
  EXPECT_EQ(table.Find("projects/p/schemas/abc")->Find("")->revision_id, "2");
  ASSERT_TRUE(table.DeleteRevision("projects/p/schemas/abc", "2").ok());
  EXPECT_TRUE(absl::IsNotFound(table.DeleteRevision("projects/p/schemas/abc", "2")));
  EXPECT_EQ(table.Find("projects/p/schemas/abc")->Find("")->revision_id, "1");
  EXPECT_TRUE(table.Delete("projects/p/schemas/abc").ok());
  EXPECT_EQ(table.Find("projects/p/schemas/abc"), nullptr);
}

TEST(SchemaTable, HasTwentyRevisionsAtMost) {
  SchemaTable table;
  ASSERT_TRUE(table.Create(Revision("0")).ok());
  for (int i = 1; i < 20; ++i) ASSERT_TRUE(table.Commit(Revision(std::to_string(i))).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(table.Commit(Revision("20"))));
  ASSERT_TRUE(table.DeleteRevision("projects/p/schemas/abc", "7").ok());
  EXPECT_TRUE(table.Commit(Revision("20")).ok());
  SchemaTable restored;
  for (const SchemaRevision& each : table.Capture()) ASSERT_TRUE(restored.Restore(each).ok());
  EXPECT_EQ(restored.Find("projects/p/schemas/abc")->Find("")->revision_id, "20");
  EXPECT_EQ(restored.Capture().size(), 20);
}

TEST(SchemaTable, ATopicsRangeMustExistAndAscend) {
  SchemaTable table;
  ASSERT_TRUE(table.Create(Revision("1")).ok());
  ASSERT_TRUE(table.Commit(Revision("2")).ok());
  auto check = [&](const std::string& first, const std::string& last) {
    return table.CheckRange({"projects/p/schemas/abc", Encoding::kJson, first, last}).code();
  };
  EXPECT_EQ(check("", ""), absl::StatusCode::kOk);
  EXPECT_EQ(check("1", "2"), absl::StatusCode::kOk);
  EXPECT_EQ(check("2", "2"), absl::StatusCode::kOk);
  EXPECT_EQ(check("2", "1"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(check("3", ""), absl::StatusCode::kNotFound);
  EXPECT_EQ(check("", "3"), absl::StatusCode::kNotFound);
  EXPECT_TRUE(
      absl::IsNotFound(table.CheckRange({"projects/p/schemas/none", Encoding::kJson, "", ""})));
}

TEST(PolicyTable, AnOtherEtagAborts) {
  PolicyTable table;
  const std::string resource = "projects/p/topics/data";
  Policy none = table.Find(resource);
  EXPECT_EQ(none.etag, std::string("\0\x20\x01", 3));
  Policy policy;
  policy.etag = "first";
  ASSERT_TRUE(table.Set(resource, none.etag, policy).ok());
  EXPECT_TRUE(absl::IsAborted(table.Set(resource, none.etag, policy)));
  policy.etag = "second";
  EXPECT_TRUE(absl::IsAborted(table.Set(resource, "other", policy)));
  ASSERT_TRUE(table.Set(resource, "first", policy).ok());
  policy.etag = "third";
  ASSERT_TRUE(table.Set(resource, "", policy).ok());
  EXPECT_EQ(table.Find(resource).etag, "third");
  PolicyTable restored;
  for (auto& [name, each] : table.Capture()) EXPECT_TRUE(restored.Restore(name, each));
  EXPECT_EQ(restored.Find(resource), table.Find(resource));
  table.Forget(resource);
  EXPECT_EQ(table.Find(resource), none);
}

Policy WithMember(const std::string& member) {
  Policy policy;
  policy.bindings.push_back({"roles/pubsub.viewer", {member}, {}});
  return policy;
}

TEST(PolicyLimits, MembersHaveAForm) {
  for (const char* good : {"allUsers", "allAuthenticatedUsers", "user:ana@p.example",
                           "serviceAccount:a@b.example", "group:g@b.example", "domain:b.example",
                           "projectOwner:p", "deleted:user:a@b.example?uid=123",
                           "principal://iam.example/locations/global/workforcePools/p/subject/s",
                           "principalSet://iam.example/projects/1/attribute.a/b"}) {
    Policy policy = WithMember(good);
    EXPECT_TRUE(CheckPolicy(policy).ok()) << good;
  }
  for (const char* bad :
       {"", "ana", "user:", "user:ana", "user:@b.example", "user:a@", "user:a b@c.example",
        "robot:a@b.example", "domain:a@b", "domain:", "allusers", "deleted:user:a@b.example",
        "deleted:user:a@b.example?uid=x", "principal:x", "projectOwner:a/b"}) {
    Policy policy = WithMember(bad);
    absl::Status status = CheckPolicy(policy);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad));
  }
}

TEST(PolicyLimits, RolesConditionsAndVersions) {
  auto refused = [](auto change) {
    Policy policy = WithMember("allUsers");
    change(policy);
    EXPECT_TRUE(absl::IsInvalidArgument(CheckPolicy(policy)));
  };
  refused([](Policy& p) { p.version = 2; });
  refused([](Policy& p) { p.bindings[0].role = "viewer"; });
  refused([](Policy& p) { p.bindings[0].role = "roles/"; });
  refused([](Policy& p) { p.bindings[0].role = "roles/x_withcond_00"; });
  refused([](Policy& p) { p.bindings[0].condition.title = "no expression"; });
  refused([](Policy& p) { p.version = 3, p.bindings[0].condition.expression = "no title"; });
  refused([](Policy& p) { p.bindings[0].condition = {"true", "needs version 3", "", ""}; });
  refused([](Policy& p) { p.bindings[0].members.assign(1501, "allUsers"); });
  Policy policy = WithMember("allUsers");
  policy.version = 3;
  policy.bindings[0].condition = {"request.time < x", "title", "", ""};
  policy.bindings.push_back({"projects/p/roles/mine", {}, {}});
  EXPECT_TRUE(CheckPolicy(policy).ok());
  EXPECT_EQ(policy.bindings.size(), 1) << "a binding without members goes";
}

}  // namespace
}  // namespace afluente::broker
