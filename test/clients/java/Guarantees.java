import com.google.api.gax.rpc.StatusCode.Code;
import com.google.cloud.pubsub.v1.AckResponse;
import com.google.cloud.pubsub.v1.MessageReceiver;
import com.google.cloud.pubsub.v1.MessageReceiverWithAckResponse;
import com.google.cloud.pubsub.v1.Subscriber;
import com.google.protobuf.Timestamp;
import com.google.pubsub.v1.DeadLetterPolicy;
import com.google.pubsub.v1.ListTopicSnapshotsRequest;
import com.google.pubsub.v1.PubsubMessage;
import com.google.pubsub.v1.ReceivedMessage;
import com.google.pubsub.v1.SeekRequest;
import com.google.pubsub.v1.Snapshot;
import com.google.pubsub.v1.UpdateSnapshotRequest;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Dead letters, filters, exactly-once, seeking. */
final class Guarantees {
  private Guarantees() {}

  static void addTo(Map<String, Suite.Scenario> scenarios) {
    scenarios.put("delivery-attempt", Guarantees::deliveryAttempt);
    scenarios.put("dead-letter", Guarantees::deadLetter);
    scenarios.put("filter", Guarantees::filter);
    scenarios.put("exactly-once", Guarantees::exactlyOnce);
    scenarios.put("exactly-once-expired", Guarantees::exactlyOnceExpired);
    scenarios.put("seek-time", Guarantees::seekTime);
    scenarios.put("seek-snapshot", Guarantees::seekSnapshot);
    scenarios.put("snapshots", Guarantees::snapshots);
  }

  private static DeadLetterPolicy policy(String topic, int attempts) {
    return DeadLetterPolicy.newBuilder().setDeadLetterTopic(topic).setMaxDeliveryAttempts(attempts).build();
  }

  private static void deliveryAttempt(Session s) throws Exception {
    String topic = s.topic();
    String dead = s.topic();
    String subscription = s.subscription(topic, b -> b.setDeadLetterPolicy(policy(dead, 10)));
    s.put(topic, "x");
    for (int attempt = 1; attempt <= 4; attempt++) {
      List<ReceivedMessage> received = s.take(subscription, 1);
      Session.equal("attempt", received.get(0).getDeliveryAttempt(), attempt);
      s.extend(subscription, received, 0);
    }
  }

  private static void deadLetter(Session s) throws Exception {
    String topic = s.topic();
    String dead = s.topic();
    String letters = s.subscription(dead);
    String subscription = s.subscription(topic, b -> b.setDeadLetterPolicy(policy(dead, 5)));
    s.post(topic, Session.text("poison").toBuilder().putAttributes("own", "kept").build());
    AtomicInteger tries = new AtomicInteger();
    MessageReceiver receiver = (message, reply) -> {
      tries.incrementAndGet();
      reply.nack();
    };
    s.receive(Subscriber.newBuilder(subscription, receiver), new CountDownLatch(1), 8);
    Session.equal("deliveries", tries.get(), 5);
    PubsubMessage message = s.take(letters, 1).get(0).getMessage();
    Session.equal("data", message.getData().toStringUtf8(), "poison");
    Session.equal("own attribute", message.getAttributesMap().get("own"), "kept");
    String prefix = "CloudPubSubDeadLetterSource";
    Session.equal("delivery count", message.getAttributesMap().get(prefix + "DeliveryCount"), "5");
    Session.equal("source", message.getAttributesMap().get(prefix + "Subscription"), Session.id(subscription));
  }

  private static void filter(Session s) throws Exception {
    String topic = s.topic();
    String same = s.subscription(topic, b -> b.setFilter("attributes.kind = \"a\""));
    String prefix = s.subscription(topic,
        b -> b.setFilter("hasPrefix(attributes.kind, \"b\") AND NOT attributes:extra"));
    for (String kind : List.of("a", "b-1", "c")) {
      s.post(topic, Session.text(kind).toBuilder().putAttributes("kind", kind).build());
    }
    Session.equal("equality", Session.texts(s.take(same, 1)), Session.set("a"));
    Session.equal("prefix and not", Session.texts(s.take(prefix, 1)), Session.set("b-1"));
    s.none(same, "more than the filter asks for", 1);
    Session.refused("a wrong filter", () -> s.subscription(topic, b -> b.setFilter("attributes.kind = = \"a\"")),
        Code.INVALID_ARGUMENT);
  }

  private static void exactlyOnce(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setEnableExactlyOnceDelivery(true));
    s.put(topic, "abcdefghijklmnopqrst".split(""));
    Queue<Future<AckResponse>> answers = new ConcurrentLinkedQueue<>();
    CountDownLatch done = new CountDownLatch(20);
    MessageReceiverWithAckResponse receiver = (message, reply) -> {
      answers.add(reply.ack());
      done.countDown();
    };
    Session.require(s.receive(Subscriber.newBuilder(subscription, receiver), done, 20),
        done.getCount() + " of 20 messages did not arrive");
    for (Future<AckResponse> answer : answers) {
      Session.equal("the acknowledgement", answer.get(20, TimeUnit.SECONDS), AckResponse.SUCCESSFUL);
    }
    s.none(subscription, "an acknowledged message came back", 2);
  }

  private static void exactlyOnceExpired(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setEnableExactlyOnceDelivery(true).setAckDeadlineSeconds(10));
    s.put(topic, "late");
    List<ReceivedMessage> late = s.take(subscription, 1);
    s.none(subscription, "given out while it is leased", 8);
    List<ReceivedMessage> again = s.take(subscription, 1);
    Session.refused("acknowledging with the expired id", () -> s.ack(subscription, late), Code.INVALID_ARGUMENT);
    s.ack(subscription, again);
    s.none(subscription, "came back after the right acknowledgement", 2);
  }

  private static void seek(Session s, String subscription, long offset) {
    s.subscriptions.seek(SeekRequest.newBuilder().setSubscription(subscription).setTime(Timestamp.newBuilder()
        .setSeconds(System.currentTimeMillis() / 1000 + offset)).build());
  }

  private static void seekTime(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setRetainAckedMessages(true));
    s.put(topic, "one", "two");
    s.ack(subscription, s.take(subscription, 2));
    seek(s, subscription, -600);
    Session.equal("after a seek back", Session.texts(s.take(subscription, 2)), Session.set("one", "two"));
    seek(s, subscription, 60);
    s.none(subscription, "a seek forward left messages", 1.5);
  }

  private static void seekSnapshot(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    s.put(topic, "left");
    String name = s.name("snapshots");
    s.subscriptions.createSnapshot(name, subscription);
    s.put(topic, "after");
    s.ack(subscription, s.take(subscription, 2));
    s.subscriptions.seek(SeekRequest.newBuilder().setSubscription(subscription).setSnapshot(name).build());
    Session.equal("after the seek", Session.texts(s.take(subscription, 2)), Session.set("after", "left"));
    String stranger = s.subscription(s.topic());
    Session.refused("a subscription of another topic", () -> s.subscriptions.seek(SeekRequest.newBuilder()
        .setSubscription(stranger).setSnapshot(name).build()), Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION);
  }

  private static void snapshots(Session s) throws Exception {
    String topic = s.topic();
    String name = s.name("snapshots");
    s.subscriptions.createSnapshot(name, s.subscription(topic));
    Snapshot stored = s.subscriptions.getSnapshot(name);
    Session.equal("its topic", stored.getTopic(), topic);
    double days = (stored.getExpireTime().getSeconds() - System.currentTimeMillis() / 1000.0) / 86400;
    Session.require(days > 6.9 && days < 7.1, "it expires in " + days + " days, not in seven");
    Session.equal("ListTopicSnapshots", Resources.all(s.topics.listTopicSnapshots(ListTopicSnapshotsRequest
        .newBuilder().setTopic(topic).build()).iterateAll()), List.of(name));
    Snapshot changed = s.subscriptions.updateSnapshot(UpdateSnapshotRequest.newBuilder().setSnapshot(
        Snapshot.newBuilder().setName(name).putLabels("c", "d")).setUpdateMask(Session.mask("labels")).build());
    Session.equal("updated labels", changed.getLabelsMap(), Map.of("c", "d"));
    s.subscriptions.deleteSnapshot(name);
    Session.refused("after delete", () -> s.subscriptions.getSnapshot(name), Code.NOT_FOUND);
  }
}
