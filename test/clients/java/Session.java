import com.google.api.gax.core.NoCredentialsProvider;
import com.google.api.gax.grpc.GrpcCallContext;
import com.google.api.gax.grpc.GrpcTransportChannel;
import com.google.api.gax.rpc.ApiException;
import com.google.api.gax.rpc.DeadlineExceededException;
import com.google.api.gax.rpc.FixedTransportChannelProvider;
import com.google.api.gax.rpc.StatusCode;
import com.google.api.gax.rpc.TransportChannelProvider;
import com.google.cloud.pubsub.v1.Publisher;
import com.google.cloud.pubsub.v1.SchemaServiceClient;
import com.google.cloud.pubsub.v1.SchemaServiceSettings;
import com.google.cloud.pubsub.v1.Subscriber;
import com.google.cloud.pubsub.v1.SubscriptionAdminClient;
import com.google.cloud.pubsub.v1.SubscriptionAdminSettings;
import com.google.cloud.pubsub.v1.TopicAdminClient;
import com.google.cloud.pubsub.v1.TopicAdminSettings;
import com.google.cloud.pubsub.v1.stub.GrpcSubscriberStub;
import com.google.cloud.pubsub.v1.stub.SubscriberStub;
import com.google.cloud.pubsub.v1.stub.SubscriberStubSettings;
import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import com.google.protobuf.FieldMask;
import com.google.pubsub.v1.PubsubMessage;
import com.google.pubsub.v1.PullRequest;
import com.google.pubsub.v1.ReceivedMessage;
import com.google.pubsub.v1.Subscription;
import com.google.pubsub.v1.Topic;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The clients of one server and the waits that the scenarios share. */
final class Session {
  /** What a scenario throws when the server did something else than Google documents. */
  static final class Wrong extends Exception {
    private static final long serialVersionUID = 1;

    Wrong(String text) {
      super(text);
    }
  }

  /** A call that is expected to fail. */
  interface Call {
    void run() throws Exception;
  }

  static final NoCredentialsProvider NOBODY = NoCredentialsProvider.create();
  private static final AtomicInteger COUNT = new AtomicInteger();

  final String project = "projects/" + System.getenv("PUBSUB_PROJECT_ID");
  final TransportChannelProvider channels;
  final ManagedChannel channel;
  final TopicAdminClient topics;
  final SubscriptionAdminClient subscriptions;
  final SchemaServiceClient schemas;
  final SubscriberStub stub;

  Session() throws Exception {
    channel = ManagedChannelBuilder.forTarget(System.getenv("PUBSUB_EMULATOR_HOST")).usePlaintext()
        .maxInboundMessageSize(30_000_000).build();
    channels = FixedTransportChannelProvider.create(GrpcTransportChannel.create(channel));
    topics = TopicAdminClient.create(TopicAdminSettings.newBuilder().setTransportChannelProvider(channels)
        .setCredentialsProvider(NOBODY).build());
    subscriptions = SubscriptionAdminClient.create(SubscriptionAdminSettings.newBuilder()
        .setTransportChannelProvider(channels).setCredentialsProvider(NOBODY).build());
    schemas = SchemaServiceClient.create(SchemaServiceSettings.newBuilder().setTransportChannelProvider(channels)
        .setCredentialsProvider(NOBODY).build());
    stub = GrpcSubscriberStub.create(SubscriberStubSettings.newBuilder()
        .setTransportChannelProvider(channels).setCredentialsProvider(NOBODY).build());
  }

  static void require(boolean condition, String what) throws Wrong {
    if (!condition) {
      throw new Wrong(what);
    }
  }

  static void equal(String what, Object actual, Object expected) throws Wrong {
    require(Objects.equals(actual, expected), what + ": " + actual + " instead of " + expected);
  }

  /** The call must fail with one of these codes. */
  static void refused(String what, Call call, StatusCode.Code... codes) throws Exception {
    try {
      call.run();
    } catch (ApiException error) {
      if (Suite.unimplemented(error)) {
        throw error;
      }
      StatusCode.Code code = error.getStatusCode().getCode();
      require(Arrays.asList(codes).contains(code),
          what + ": " + code + " instead of " + Arrays.toString(codes) + " (" + error.getMessage() + ")");
      return;
    }
    throw new Wrong(what + ": accepted instead of " + Arrays.toString(codes));
  }

  String name(String kind) {
    return project + "/" + kind + "/java-" + Long.toHexString(System.nanoTime()) + "-" + COUNT.incrementAndGet();
  }

  static String id(String name) {
    return name.substring(name.lastIndexOf('/') + 1);
  }

  static Duration seconds(long count) {
    return Duration.newBuilder().setSeconds(count).build();
  }

  static FieldMask mask(String... paths) {
    return FieldMask.newBuilder().addAllPaths(Arrays.asList(paths)).build();
  }

  String topic() {
    return topic(topic -> {});
  }

  String topic(Consumer<Topic.Builder> settings) {
    Topic.Builder topic = Topic.newBuilder().setName(name("topics"));
    settings.accept(topic);
    return topics.createTopic(topic.build()).getName();
  }

  String subscription(String topic) {
    return subscription(topic, subscription -> {});
  }

  String subscription(String topic, Consumer<Subscription.Builder> settings) {
    Subscription.Builder subscription = Subscription.newBuilder().setName(name("subscriptions")).setTopic(topic)
        .setAckDeadlineSeconds(60);
    settings.accept(subscription);
    return subscriptions.createSubscription(subscription.build()).getName();
  }

  static PubsubMessage text(String text) {
    return PubsubMessage.newBuilder().setData(ByteString.copyFromUtf8(text)).build();
  }

  /** One Publish call with exactly these messages; the client's own Publisher batches. */
  List<String> post(String topic, PubsubMessage... messages) {
    return topics.publish(topic, Arrays.asList(messages)).getMessageIdsList();
  }

  List<String> put(String topic, String... texts) {
    return post(topic, Arrays.stream(texts).map(Session::text).toArray(PubsubMessage[]::new));
  }

  Publisher publisher(String topic, Function<Publisher.Builder, Publisher.Builder> settings) throws Exception {
    return settings.apply(Publisher.newBuilder(topic).setChannelProvider(channels).setCredentialsProvider(NOBODY))
        .build();
  }

  /** Waits at most so long for at least one message. */
  List<ReceivedMessage> pull(String subscription, int most, double seconds) {
    GrpcCallContext context = GrpcCallContext.createDefault().withCallOptions(CallOptions.DEFAULT
        .withDeadlineAfter((long) (seconds * 1000), TimeUnit.MILLISECONDS).withMaxInboundMessageSize(30_000_000));
    try {
      return stub.pullCallable().call(PullRequest.newBuilder().setSubscription(subscription).setMaxMessages(most)
          .build(), context).getReceivedMessagesList();
    } catch (DeadlineExceededException nothing) {
      return List.of();
    }
  }

  List<ReceivedMessage> take(String subscription, int want) throws Wrong {
    List<ReceivedMessage> received = new ArrayList<>();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(15);
    while (received.size() < want && System.nanoTime() < end) {
      received.addAll(pull(subscription, want - received.size(), 5));
    }
    require(received.size() == want, received.size() + " messages within 15 s instead of " + want);
    return received;
  }

  void none(String subscription, String what, double seconds) throws Wrong {
    List<ReceivedMessage> received = pull(subscription, 10, seconds);
    require(received.isEmpty(), what + ": " + texts(received));
  }

  void ack(String subscription, List<ReceivedMessage> received) {
    subscriptions.acknowledge(subscription, ackIds(received));
  }

  void extend(String subscription, List<ReceivedMessage> received, int seconds) {
    subscriptions.modifyAckDeadline(subscription, ackIds(received), seconds);
  }

  static List<String> ackIds(List<ReceivedMessage> received) {
    return received.stream().map(ReceivedMessage::getAckId).collect(Collectors.toList());
  }

  static TreeSet<String> texts(List<ReceivedMessage> received) {
    return received.stream().map(r -> r.getMessage().getData().toStringUtf8())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  static TreeSet<String> set(String... texts) {
    return new TreeSet<>(Arrays.asList(texts));
  }

  /** Runs the client's own Subscriber until the latch is down or the time is up; says which. */
  boolean receive(Subscriber.Builder builder, CountDownLatch done, long seconds) throws Exception {
    Subscriber subscriber = builder.setChannelProvider(channels).setCredentialsProvider(NOBODY)
        .setParallelPullCount(1).build();
    subscriber.startAsync().awaitRunning();
    boolean arrived = done.await(seconds, TimeUnit.SECONDS);
    subscriber.stopAsync().awaitTerminated(20, TimeUnit.SECONDS);
    return arrived;
  }
}
