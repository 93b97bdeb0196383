import com.google.api.core.ApiFuture;
import com.google.api.gax.batching.BatchingSettings;
import com.google.api.gax.rpc.BidiStream;
import com.google.api.gax.rpc.StatusCode.Code;
import com.google.cloud.pubsub.v1.MessageReceiver;
import com.google.cloud.pubsub.v1.Publisher;
import com.google.cloud.pubsub.v1.Subscriber;
import com.google.protobuf.ByteString;
import com.google.pubsub.v1.PubsubMessage;
import com.google.pubsub.v1.ReceivedMessage;
import com.google.pubsub.v1.StreamingPullRequest;
import com.google.pubsub.v1.StreamingPullResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Publishing and delivery. */
final class Delivery {
  private Delivery() {}

  static void addTo(Map<String, Suite.Scenario> scenarios) {
    scenarios.put("publish", Delivery::publish);
    scenarios.put("batching", Delivery::batching);
    scenarios.put("publish-limits", Delivery::publishLimits);
    scenarios.put("publish-10mb", Delivery::publish10Mb);
    scenarios.put("pull", Delivery::pull);
    scenarios.put("streaming-pull", Delivery::streamingPull);
    scenarios.put("flow-control", Delivery::flowControl);
    scenarios.put("lease-extension", Delivery::leaseExtension);
    scenarios.put("nack", Delivery::nack);
    scenarios.put("redelivery", Delivery::redelivery);
    scenarios.put("ordering", Delivery::ordering);
    scenarios.put("ordering-nack", Delivery::orderingNack);
  }

  private static void publish(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setEnableMessageOrdering(true));
    Map<String, String> attributes = Map.of("a", "1", "ü", "größe", "empty", "");
    ByteString data = ByteString.copyFrom(new byte[] {0, 1, -1});
    String sent = s.post(topic, PubsubMessage.newBuilder().setData(data).putAllAttributes(attributes)
        .setOrderingKey("k").build()).get(0);
    PubsubMessage message = s.take(subscription, 1).get(0).getMessage();
    Session.equal("data", message.getData(), data);
    Session.equal("attributes", message.getAttributesMap(), attributes);
    Session.equal("ordering key", message.getOrderingKey(), "k");
    Session.equal("id", message.getMessageId(), sent);
    long age = System.currentTimeMillis() / 1000 - message.getPublishTime().getSeconds();
    Session.require(age > -5 && age < 60, "publish time is " + age + " s old");
  }

  private static void batching(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    Publisher publisher = s.publisher(topic, b -> b.setBatchingSettings(
        BatchingSettings.newBuilder().setElementCountThreshold(50L).setDelayThreshold(
            org.threeten.bp.Duration.ofMillis(50)).build()));
    Map<Integer, ApiFuture<String>> futures = new HashMap<>();
    for (int n = 0; n < 300; n++) {
      futures.put(n, publisher.publish(Session.text(String.valueOf(n))));
    }
    Map<String, String> sent = new HashMap<>();
    for (Map.Entry<Integer, ApiFuture<String>> one : futures.entrySet()) {
      sent.put(one.getValue().get(20, TimeUnit.SECONDS), String.valueOf(one.getKey()));
    }
    publisher.shutdown();
    Map<String, String> received = s.take(subscription, 300).stream().collect(Collectors.toMap(
        r -> r.getMessage().getMessageId(), r -> r.getMessage().getData().toStringUtf8()));
    Session.equal("the messages", received, sent);
  }

  private static void publishLimits(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    PubsubMessage.Builder many = PubsubMessage.newBuilder();
    IntStream.range(0, 101).forEach(n -> many.putAttributes("k" + n, "v"));
    Map<String, PubsubMessage> cases = Map.of(
        "an empty message", PubsubMessage.getDefaultInstance(),
        "101 attributes", many.build(),
        "a key of 257 bytes", PubsubMessage.newBuilder().putAttributes("k".repeat(257), "v").build(),
        "a value of 1025 bytes", PubsubMessage.newBuilder().putAttributes("k", "v".repeat(1025)).build(),
        "an ordering key of 1025 bytes", Session.text("x").toBuilder().setOrderingKey("k".repeat(1025)).build());
    for (Map.Entry<String, PubsubMessage> one : cases.entrySet()) {
      Session.refused(one.getKey(), () -> s.post(topic, Session.text("good"), one.getValue()), Code.INVALID_ARGUMENT);
    }
    s.none(subscription, "something of a refused request was stored", 1.5);
  }

  private static void publish10Mb(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    ByteString big = ByteString.copyFromUtf8("0123456789abcdef".repeat(9_900_000 / 16));
    s.post(topic, PubsubMessage.newBuilder().setData(big).build());
    List<ReceivedMessage> received = s.pull(subscription, 1, 30);
    Session.require(received.size() == 1 && received.get(0).getMessage().getData().equals(big),
        "it did not arrive as it was sent");
    Session.refused("11 MB", () -> s.post(topic, PubsubMessage.newBuilder()
        .setData(ByteString.copyFrom(new byte[11_000_000])).build()), Code.INVALID_ARGUMENT);
  }

  private static void pull(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    s.put(topic, "a", "b", "c");
    List<ReceivedMessage> received = s.take(subscription, 3);
    Session.equal("messages", Session.texts(received), Session.set("a", "b", "c"));
    s.ack(subscription, received);
    s.none(subscription, "an acknowledged message came back", 1.5);
  }

  private static void streamingPull(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    s.put(topic, IntStream.range(0, 500).mapToObj(String::valueOf).toArray(String[]::new));
    Map<String, Boolean> seen = new ConcurrentHashMap<>();
    CountDownLatch done = new CountDownLatch(1);
    MessageReceiver receiver = (message, reply) -> {
      seen.put(message.getMessageId(), true);
      reply.ack();
      if (seen.size() == 500) {
        done.countDown();
      }
    };
    Session.require(s.receive(Subscriber.newBuilder(subscription, receiver), done, 20),
        seen.size() + " of 500 messages arrived");
    s.none(subscription, "an acknowledged message came back", 1.5);
  }

  private static void flowControl(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    s.put(topic, IntStream.range(0, 30).mapToObj(String::valueOf).toArray(String[]::new));
    BidiStream<StreamingPullRequest, StreamingPullResponse> stream = s.stub.streamingPullCallable().call();
    stream.send(StreamingPullRequest.newBuilder().setSubscription(subscription).setStreamAckDeadlineSeconds(60)
        .setMaxOutstandingMessages(5).build());
    LinkedBlockingQueue<ReceivedMessage> received = new LinkedBlockingQueue<>();
    Thread reader = new Thread(() -> {
      try {
        stream.forEach(answer -> received.addAll(answer.getReceivedMessagesList()));
      } catch (RuntimeException cancelled) {
        // The scenario ended.
      }
    });
    reader.setDaemon(true);
    reader.start();
    Thread.sleep(2000);
    int first = received.size();
    List<ReceivedMessage> two = new ArrayList<>();
    received.drainTo(two, 2);
    stream.send(StreamingPullRequest.newBuilder().addAllAckIds(Session.ackIds(two)).build());
    Thread.sleep(2000);
    stream.cancel();
    Session.equal("messages with max_outstanding_messages=5", first, 5);
    Session.equal("messages after two acknowledgements", received.size(), 5);
  }

  private static void leaseExtension(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setAckDeadlineSeconds(10));
    s.put(topic, "slow");
    AtomicInteger deliveries = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(1);
    MessageReceiver receiver = (message, reply) -> {
      deliveries.incrementAndGet();
      try {
        Thread.sleep(13000);
      } catch (InterruptedException ended) {
        Thread.currentThread().interrupt();
      }
      reply.ack();
      done.countDown();
    };
    s.receive(Subscriber.newBuilder(subscription, receiver), done, 25);
    Session.equal("deliveries to a callback of 13 s with a deadline of 10 s", deliveries.get(), 1);
    s.none(subscription, "an acknowledged message came back", 1.5);
  }

  private static void nack(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    s.put(topic, "three times");
    CountDownLatch done = new CountDownLatch(3);
    MessageReceiver receiver = (message, reply) -> {
      done.countDown();
      if (done.getCount() == 0) {
        reply.ack();
      } else {
        reply.nack();
      }
    };
    Session.require(s.receive(Subscriber.newBuilder(subscription, receiver), done, 15),
        "after two nacks " + (3 - done.getCount()) + " deliveries");
  }

  private static void redelivery(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setAckDeadlineSeconds(10));
    s.put(topic, "again");
    String first = s.take(subscription, 1).get(0).getMessage().getMessageId();
    s.none(subscription, "redelivered before its deadline", 8);
    Session.equal("the message", s.take(subscription, 1).get(0).getMessage().getMessageId(), first);
  }

  private static void ordering(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setEnableMessageOrdering(true));
    Publisher publisher = s.publisher(topic, b -> b.setEnableMessageOrdering(true));
    for (int n = 0; n < 150; n++) {
      publisher.publish(Session.text(String.valueOf(n)).toBuilder().setOrderingKey("k" + n % 3).build());
    }
    publisher.shutdown();
    Map<String, List<Integer>> seen = new ConcurrentHashMap<>();
    CountDownLatch done = new CountDownLatch(150);
    MessageReceiver receiver = (message, reply) -> {
      seen.computeIfAbsent(message.getOrderingKey(), k -> Collections.synchronizedList(new ArrayList<>()))
          .add(Integer.valueOf(message.getData().toStringUtf8()));
      reply.ack();
      done.countDown();
    };
    Session.require(s.receive(Subscriber.newBuilder(subscription, receiver), done, 20),
        done.getCount() + " of 150 messages did not arrive");
    for (Map.Entry<String, List<Integer>> one : seen.entrySet()) {
      Session.equal("order of " + one.getKey(), one.getValue(),
          one.getValue().stream().sorted().collect(Collectors.toList()));
    }
  }

  private static void orderingNack(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic, b -> b.setEnableMessageOrdering(true));
    s.post(topic, IntStream.range(0, 5).mapToObj(n -> Session.text(String.valueOf(n)).toBuilder()
        .setOrderingKey("k").build()).toArray(PubsubMessage[]::new));
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    AtomicBoolean nacked = new AtomicBoolean();
    CountDownLatch done = new CountDownLatch(1);
    MessageReceiver receiver = (message, reply) -> {
      String text = message.getData().toStringUtf8();
      if (text.equals("1") && nacked.compareAndSet(false, true)) {
        reply.nack();
        return;
      }
      seen.add(text);
      reply.ack();
      if (text.equals("4") && seen.contains("1")) {
        done.countDown();
      }
    };
    Session.require(s.receive(Subscriber.newBuilder(subscription, receiver), done, 20), "the key stopped: " + seen);
    Session.equal("after the nack of 1, in order", seen.subList(seen.indexOf("1"), seen.size()),
        List.of("1", "2", "3", "4"));
  }
}
