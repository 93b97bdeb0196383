// Random seeks, snapshots, detaches, schemas and policies with refusals and crashes, against a
// model that is plain sets. Nothing stays leased, so that what a subscription has left is what a
// pull gets.
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "broker/broker_harness.h"
#include "broker/records.h"
#include "broker/schema_revision.h"
#include "gtest/gtest.h"

namespace afluente::broker {
namespace {

using std::chrono::microseconds;

constexpr char kSchema[] = "projects/p/schemas/event";

struct SubscriptionModel {
  bool retains = false;
  bool detached = false;
  size_t start = 0;          // messages before it are of before its life
  std::set<size_t> unacked;  // indexes of messages
};
struct SnapshotModel {
  std::set<size_t> unacked;
  size_t end = 0;
};
struct Message {
  std::string text;
  host::WallTime time;
};
struct Model {
  std::vector<Message> messages;
  std::map<std::string, SubscriptionModel> subscriptions;
  std::map<std::string, SnapshotModel> snapshots;
  std::map<std::string, std::string> etags;  // by resource
  std::vector<std::string> revisions;
};

class Game {
 public:
  explicit Game(uint64_t seed) : random_(seed), harness_(RandomOptions()) {
    harness_.CreateTopic();
    for (const char* id : {"retaining", "plain", "ordered"}) Subscribe(id);
  }
  void Play(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) Step();
    CheckAll();
  }

 private:
  EmbeddedBroker::Options RandomOptions() {
    EmbeddedBroker::Options options;
    const uint64_t memory[] = {0, 600, 1 << 20};
    options.memory_bytes_max = memory[Pick(3)];
    options.snapshot_every_bytes = 200 + Pick(3000);
    options.dead_bytes_max = Pick(2) == 0 ? 0 : 20'000;
    return options;
  }
  uint64_t Pick(uint64_t below) { return random_() % below; }
  template <typename Map>
  std::string AnyOf(const Map& map) {
    return std::next(map.begin(), static_cast<ptrdiff_t>(Pick(map.size())))->first;
  }
  EmbeddedBroker& broker() { return harness_.broker(); }

  void Subscribe(const std::string& id) {
    SubscriptionSettings settings;
    settings.name = "projects/p/subscriptions/" + id;
    settings.retain_acked_messages = id == "retaining";
    settings.enable_message_ordering = id == "ordered";
    harness_.Subscribe(settings);
    SubscriptionModel& model = model_.subscriptions[settings.name];
    model.retains = settings.retain_acked_messages;
    model.start = model_.messages.size();
  }

  void Step() {
    switch (Pick(12)) {
      case 0:
      case 1:
        return Publish();
      case 2:
      case 3:
        return PullSome();
      case 4:
        return SeekToTime();
      case 5:
        return SeekToSnapshot();
      case 6:
        return ChangeSnapshots();
      case 7:
        return DetachOrReplace();
      case 8:
        return ChangeSchema();
      case 9:
        return SetPolicy();
      case 10:
        return Refuse();
      default:
        return Crash();
    }
  }

  void Publish() {
    for (uint64_t count = 1 + Pick(4); count > 0; --count) {
      std::string text = "m" + std::to_string(model_.messages.size());
      host::WallTime now = harness_.clock().Now();
      ASSERT_TRUE(harness_.Publish({Text(text, Pick(2) == 0 ? "" : "k")}).ok());
      for (auto& [name, each] : model_.subscriptions) {
        if (!each.detached) each.unacked.insert(model_.messages.size());
      }
      model_.messages.push_back({text, now});
      if (Pick(3) > 0) harness_.Advance(microseconds(1 + Pick(700'000)));
    }
  }

  // Pulls all there is, which must be what the model has; acks some and gives the rest back.
  void PullSome() {
    std::string name = AnyOf(model_.subscriptions);
    SubscriptionModel& model = model_.subscriptions[name];
    if (model.detached) return;
    std::vector<Delivered> delivered;
    while (true) {
      auto answer = harness_.Pull(1000, name);
      if (!answer.value) break;
      ASSERT_TRUE(answer.value->ok()) << answer.value->status();
      delivered.insert(delivered.end(), (*answer.value)->begin(), (*answer.value)->end());
    }
    std::set<std::string> got;
    for (const Delivered& each : delivered)
      ASSERT_TRUE(got.insert(each.message->data).second) << each.message->data;
    std::set<std::string> wanted;
    for (size_t index : model.unacked) wanted.insert(model_.messages[index].text);
    ASSERT_EQ(got, wanted) << name;
    std::vector<std::string> acks;
    std::vector<std::string> nacks;
    bool key_failed = false;  // what follows in the key comes again, acked or not
    for (const Delivered& each : delivered) {
      bool ack = Pick(2) == 0;
      (ack ? acks : nacks).push_back(each.ack_id);
      bool ordered = name.ends_with("ordered") && !each.message->ordering_key.empty();
      key_failed = key_failed || (ordered && !ack);
      if (ack && !(ordered && key_failed))
        model.unacked.erase(std::stoul(each.message->data.substr(1)));
      if (Pick(5) == 0) old_ids_.push_back({name, each.ack_id});
    }
    ASSERT_TRUE(harness_.Ack(acks, name).ok());
    ASSERT_TRUE(harness_.Modify(nacks, std::chrono::seconds(0), name).ok());
  }

  // What the records say, done to the model.
  void ApplySeek(SubscriptionModel& model, host::WallTime target) {
    std::set<size_t> unacked;
    for (size_t i = 0; i < model_.messages.size(); ++i) {
      bool kept = model.unacked.contains(i) || (model.retains && i >= model.start);
      if (kept && model_.messages[i].time >= target) unacked.insert(i);
    }
    model.unacked = std::move(unacked);
  }
  void ApplySeek(SubscriptionModel& model, const SnapshotModel& snapshot) {
    model.unacked = snapshot.unacked;
    for (size_t i = snapshot.end; i < model_.messages.size(); ++i) model.unacked.insert(i);
  }

  host::WallTime SomeTime() {
    host::WallTime now = harness_.clock().Now();
    if (model_.messages.empty() || Pick(6) == 0) return now + std::chrono::seconds(Pick(100));
    return model_.messages[Pick(model_.messages.size())].time + microseconds(Pick(3)) -
           microseconds(1);
  }
  void SeekToTime() {
    std::string name = AnyOf(model_.subscriptions);
    host::WallTime target = SomeTime();
    absl::Status status = broker().Seek(name, target);
    SubscriptionModel& model = model_.subscriptions[name];
    if (model.detached) {
      ASSERT_TRUE(absl::IsFailedPrecondition(status)) << status;
      return;
    }
    ASSERT_TRUE(status.ok()) << status;
    ApplySeek(model, target);
    AckLate(name);
  }
  // Acks of deliveries that the seek has ended change nothing.
  void AckLate(const std::string& subscription) {
    for (const auto& [name, id] : old_ids_) {
      if (name != subscription) continue;
      ASSERT_TRUE(harness_.Ack({id}, name).ok());
    }
    std::erase_if(old_ids_, [&](const auto& each) { return each.first == subscription; });
  }

  void SeekToSnapshot() {
    if (model_.snapshots.empty()) return;
    std::string name = AnyOf(model_.subscriptions);
    std::string snapshot = AnyOf(model_.snapshots);
    absl::Status status = broker().Seek(name, snapshot);
    SubscriptionModel& model = model_.subscriptions[name];
    if (model.detached) {
      ASSERT_TRUE(absl::IsFailedPrecondition(status)) << status;
      return;
    }
    ASSERT_TRUE(status.ok()) << status;
    ApplySeek(model, model_.snapshots[snapshot]);
    AckLate(name);
  }

  void ChangeSnapshots() {
    std::string name = "projects/p/snapshots/s-" + std::to_string(Pick(3));
    if (model_.snapshots.contains(name) && Pick(2) == 0) {
      ASSERT_TRUE(broker().DeleteSnapshot(name).ok());
      model_.snapshots.erase(name);
      model_.etags.erase(name);
      return;
    }
    std::string subscription = AnyOf(model_.subscriptions);
    const SubscriptionModel& model = model_.subscriptions[subscription];
    SnapshotSettings settings;
    settings.name = name;
    absl::Status status = broker().CreateSnapshot(settings, subscription).status();
    if (model_.snapshots.contains(name)) {
      ASSERT_TRUE(absl::IsAlreadyExists(status)) << status;
    } else if (model.detached) {
      ASSERT_TRUE(absl::IsFailedPrecondition(status)) << status;
    } else {
      ASSERT_TRUE(status.ok()) << status;
      model_.snapshots[name] = {model.unacked, model_.messages.size()};
    }
  }

  void DetachOrReplace() {
    if (Pick(3) > 0) return;
    std::string name = AnyOf(model_.subscriptions);
    if (!model_.subscriptions[name].detached) {
      ASSERT_TRUE(broker().DetachSubscription(name).ok());
      model_.subscriptions[name].detached = true;
      model_.subscriptions[name].unacked.clear();
      return;
    }
    ASSERT_TRUE(broker().DeleteSubscription(name).ok());
    model_.subscriptions.erase(name);
    model_.etags.erase(name);
    Subscribe(name.substr(name.rfind('/') + 1));
  }

  void ChangeSchema() {
    SchemaRevision schema{kSchema, schema::SchemaLanguage::kAvro, R"("string")", "", {}};
    if (model_.revisions.empty()) {
      auto created = broker().CreateSchema(schema);
      ASSERT_TRUE(created.ok()) << created.status();
      model_.revisions = {created->revision_id};
    } else if (Pick(8) == 0) {
      ASSERT_TRUE(broker().DeleteSchema(kSchema).ok());
      model_.revisions.clear();
      model_.etags.erase(kSchema);
    } else if (Pick(3) == 0 && model_.revisions.size() > 1) {
      auto it = model_.revisions.begin() + static_cast<ptrdiff_t>(Pick(model_.revisions.size()));
      ASSERT_TRUE(broker().DeleteSchemaRevision(std::string(kSchema) + "@" + *it).ok());
      model_.revisions.erase(it);
    } else if (model_.revisions.size() < 20) {
      auto committed = broker().CommitSchema(schema);
      ASSERT_TRUE(committed.ok()) << committed.status();
      model_.revisions.push_back(committed->revision_id);
    }
  }

  void SetPolicy() {
    std::vector<std::string> resources = {kTopic, AnyOf(model_.subscriptions)};
    if (!model_.snapshots.empty()) resources.push_back(AnyOf(model_.snapshots));
    if (!model_.revisions.empty()) resources.push_back(kSchema);
    const std::string& resource = resources[Pick(resources.size())];
    Policy policy;
    policy.bindings.push_back({"roles/viewer", {"allUsers"}, {}});
    if (Pick(3) == 0) {
      policy.etag = "other";
      ASSERT_TRUE(absl::IsAborted(broker().SetPolicy(resource, policy).status()));
    }
    policy.etag = broker().GetPolicy(resource)->etag;
    auto set = broker().SetPolicy(resource, policy);
    ASSERT_TRUE(set.ok()) << set.status();
    model_.etags[resource] = set->etag;
  }

  // The next operation fails, and nothing changes.
  void Refuse() {
    harness_.journal().Refuse(absl::UnavailableError("refused"));
    std::string name = AnyOf(model_.subscriptions);
    bool detached = model_.subscriptions[name].detached;
    absl::Status status;
    switch (Pick(5)) {
      case 0:
        status = broker().Seek(name, SomeTime());
        break;
      case 1:
        status = broker().CreateSnapshot({"projects/p/snapshots/fresh", "", {}, {}}, name).status();
        detached = false;
        break;
      case 2:
        status = broker().DetachSubscription(name);
        detached = false;
        break;
      case 3:
        status = broker().SetPolicy(kTopic, Policy()).status();
        detached = false;
        break;
      default:
        status =
            broker()
                .CreateSchema(
                    {"projects/p/schemas/fresh", schema::SchemaLanguage::kAvro, R"("int")", "", {}})
                .status();
        detached = false;
    }
    ASSERT_EQ(status.code(),
              detached ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kUnavailable);
    harness_.journal().Refuse(absl::OkStatus());
  }

  // With a record under way that reaches the disk or not, and is never answered.
  void Crash() {
    harness_.journal().Hold(true);
    bool kept = Pick(2) == 0;
    AppendUnanswered(kept);
    ASSERT_TRUE(harness_.CrashAndRestart(kept ? 1 : 0).ok());
    if (Pick(2) == 0) broker().AllowCleaning();
    old_ids_.clear();
    CheckResources();
  }
  void AppendUnanswered(bool kept) {
    Record record = DeleteSnapshotRecord{"projects/p/snapshots/none"};
    switch (Pick(4)) {
      case 0:
        record = DeleteSnapshotRecord{"projects/p/snapshots/s-0"};
        if (kept) model_.snapshots.erase("projects/p/snapshots/s-0");
        if (kept) model_.etags.erase("projects/p/snapshots/s-0");
        break;
      case 1: {
        Policy policy;
        policy.etag = "unanswered";
        record = SetPolicyRecord{kTopic, "", policy};
        if (kept) model_.etags[kTopic] = policy.etag;
        break;
      }
      case 2: {
        std::string name = AnyOf(model_.subscriptions);
        record = DetachSubscriptionRecord{name};
        if (!kept) break;
        model_.subscriptions[name].detached = true;
        model_.subscriptions[name].unacked.clear();
        break;
      }
      default:
        break;
    }
    harness_.journal().Append(Encode(record), [](absl::StatusOr<log::Place>) {});
  }

  void CheckResources() {
    std::set<std::string> snapshots;
    auto listed = broker().ListSnapshots("projects/p", 100, "");
    ASSERT_TRUE(listed.ok());
    for (const auto& each : listed->items) snapshots.insert(each.name);
    std::set<std::string> wanted;
    for (const auto& [name, each] : model_.snapshots) wanted.insert(name);
    ASSERT_EQ(snapshots, wanted);
    std::vector<std::string> revisions;
    auto page = broker().ListSchemaRevisions(kSchema, 100, "");
    ASSERT_EQ(page.ok(), !model_.revisions.empty());
    if (page.ok()) {
      for (auto it = page->items.rbegin(); it != page->items.rend(); ++it)
        revisions.push_back(it->revision_id);
    }
    ASSERT_EQ(revisions, model_.revisions);
    for (const auto& [name, each] : model_.subscriptions) {
      ASSERT_EQ(broker().GetSubscription(name)->detached, each.detached);
      ASSERT_TRUE(model_.etags.contains(name) || broker().GetPolicy(name)->bindings.empty());
    }
    for (const auto& [resource, etag] : model_.etags)
      ASSERT_EQ(broker().GetPolicy(resource)->etag, etag) << resource;
  }

  void CheckAll() {
    CheckResources();
    for (int round = 0; round < 20 && !::testing::Test::HasFailure(); ++round) PullSome();
  }

  std::mt19937_64 random_;
  BrokerHarness harness_;
  Model model_;
  std::vector<std::pair<std::string, std::string>> old_ids_;  // subscription, ack id
};

// AFLUENTE_SEED plays one game again.
TEST(ResourcesProperty, AreWhatWasAnswered) {
  const char* given = std::getenv("AFLUENTE_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  for (int game = 0; game < (given != nullptr ? 1 : 40); ++game, ++seed) {
    SCOPED_TRACE("AFLUENTE_SEED=" + std::to_string(seed));
    Game(seed).Play(250);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace afluente::broker
