import com.google.api.gax.rpc.StatusCode.Code;
import com.google.cloud.pubsub.v1.TopicAdminClient.ListTopicSubscriptionsPage;
import com.google.iam.v1.Binding;
import com.google.iam.v1.GetIamPolicyRequest;
import com.google.iam.v1.Policy;
import com.google.iam.v1.SetIamPolicyRequest;
import com.google.iam.v1.TestIamPermissionsRequest;
import com.google.pubsub.v1.DetachSubscriptionRequest;
import com.google.pubsub.v1.ListTopicSubscriptionsRequest;
import com.google.pubsub.v1.RetryPolicy;
import com.google.pubsub.v1.Subscription;
import com.google.pubsub.v1.Topic;
import com.google.pubsub.v1.UpdateSubscriptionRequest;
import com.google.pubsub.v1.UpdateTopicRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.StreamSupport;

/** Topics, subscriptions, labels, pages, errors, detaching, IAM. */
final class Resources {
  private Resources() {}

  static void addTo(Map<String, Suite.Scenario> scenarios) {
    scenarios.put("topics", Resources::topics);
    scenarios.put("topic-update", Resources::topicUpdate);
    scenarios.put("subscriptions", Resources::subscriptions);
    scenarios.put("subscription-update", Resources::subscriptionUpdate);
    scenarios.put("labels", Resources::labels);
    scenarios.put("paging", Resources::paging);
    scenarios.put("error-codes", Resources::errorCodes);
    scenarios.put("detach", Resources::detach);
    scenarios.put("iam", Resources::iam);
  }

  static <T> List<T> all(Iterable<T> items) {
    List<T> list = new ArrayList<>();
    items.forEach(list::add);
    return list;
  }

  private static void topics(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    Session.equal("the topic", s.topics.getTopic(topic).getName(), topic);
    Session.require(StreamSupport.stream(s.topics.listTopics(s.project).iterateAll().spliterator(), false)
        .anyMatch(t -> t.getName().equals(topic)), "ListTopics lacks it");
    Session.equal("ListTopicSubscriptions", all(s.topics.listTopicSubscriptions(topic).iterateAll()),
        List.of(subscription));
    s.topics.deleteTopic(topic);
    Session.refused("GetTopic after delete", () -> s.topics.getTopic(topic), Code.NOT_FOUND);
    Session.equal("topic of the subscription left behind", s.subscriptions.getSubscription(subscription).getTopic(),
        "_deleted-topic_");
  }

  private static void topicUpdate(Session s) throws Exception {
    String name = s.topic();
    Topic.Builder change = Topic.newBuilder().setName(name).putLabels("a", "b")
        .setMessageRetentionDuration(Session.seconds(3600));
    Topic changed = s.topics.updateTopic(UpdateTopicRequest.newBuilder().setTopic(change)
        .setUpdateMask(Session.mask("labels")).build());
    Session.equal("labels", changed.getLabelsMap(), Map.of("a", "b"));
    Session.equal("a field outside the mask", changed.getMessageRetentionDuration().getSeconds(), 0L);
    changed = s.topics.updateTopic(UpdateTopicRequest.newBuilder().setTopic(change)
        .setUpdateMask(Session.mask("message_retention_duration")).build());
    Session.equal("retention", changed.getMessageRetentionDuration().getSeconds(), 3600L);
    Session.refused("an empty mask", () -> s.topics.updateTopic(UpdateTopicRequest.newBuilder().setTopic(change)
        .build()), Code.INVALID_ARGUMENT);
  }

  private static void subscriptions(Session s) throws Exception {
    String topic = s.topic();
    String name = s.subscription(topic, b -> b.setAckDeadlineSeconds(25).setEnableMessageOrdering(true)
        .setRetainAckedMessages(true).setMessageRetentionDuration(Session.seconds(1200)));
    Subscription stored = s.subscriptions.getSubscription(name);
    Session.equal("settings", List.of(stored.getTopic(), stored.getAckDeadlineSeconds(),
        stored.getEnableMessageOrdering(), stored.getRetainAckedMessages(),
        stored.getMessageRetentionDuration().getSeconds()), List.of(topic, 25, true, true, 1200L));
    Session.require(StreamSupport.stream(s.subscriptions.listSubscriptions(s.project).iterateAll().spliterator(),
        false).anyMatch(x -> x.getName().equals(name)), "ListSubscriptions lacks it");
    s.subscriptions.deleteSubscription(name);
    Session.refused("GetSubscription after delete", () -> s.subscriptions.getSubscription(name), Code.NOT_FOUND);
  }

  private static void subscriptionUpdate(Session s) throws Exception {
    String name = s.subscription(s.topic());
    Subscription.Builder change = Subscription.newBuilder().setName(name).setAckDeadlineSeconds(40)
        .putLabels("not", "masked").setEnableMessageOrdering(true).setRetryPolicy(RetryPolicy.newBuilder()
            .setMinimumBackoff(Session.seconds(1)).setMaximumBackoff(Session.seconds(9)));
    Subscription changed = s.subscriptions.updateSubscription(UpdateSubscriptionRequest.newBuilder()
        .setSubscription(change).setUpdateMask(Session.mask("ack_deadline_seconds", "retry_policy")).build());
    Session.equal("changes", List.of(changed.getAckDeadlineSeconds(),
        changed.getRetryPolicy().getMaximumBackoff().getSeconds(), changed.getLabelsCount()), List.of(40, 9L, 0));
    Session.refused("changing the ordering", () -> s.subscriptions.updateSubscription(
        UpdateSubscriptionRequest.newBuilder().setSubscription(change)
            .setUpdateMask(Session.mask("enable_message_ordering")).build()), Code.INVALID_ARGUMENT);
  }

  private static void labels(Session s) throws Exception {
    Map<String, String> labels = Map.of("team", "data", "empty", "");
    String topic = s.topic(b -> b.putAllLabels(labels));
    Session.equal("topic's labels", s.topics.getTopic(topic).getLabelsMap(), labels);
    String name = s.subscription(topic, b -> b.putAllLabels(labels));
    Session.equal("subscription's labels", s.subscriptions.getSubscription(name).getLabelsMap(), labels);
  }

  private static void paging(Session s) throws Exception {
    String topic = s.topic();
    TreeSet<String> made = new TreeSet<>();
    for (int n = 0; n < 5; n++) {
      made.add(s.subscription(topic));
    }
    List<String> names = new ArrayList<>();
    for (ListTopicSubscriptionsPage page : s.topics.listTopicSubscriptions(ListTopicSubscriptionsRequest.newBuilder()
        .setTopic(topic).setPageSize(2).build()).iteratePages()) {
      List<String> some = all(page.getValues());
      Session.require(some.size() <= 2, "a page of " + some.size() + " where 2 were asked for");
      names.addAll(some);
    }
    Session.equal("names", names.size(), 5);
    Session.equal("the pages together", new TreeSet<>(names), made);
  }

  private static void errorCodes(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    String missing = s.project + "/topics/missing";
    Session.refused("a topic twice", () -> s.topics.createTopic(topic), Code.ALREADY_EXISTS);
    Session.refused("publish to no topic", () -> s.put(missing, "x"), Code.NOT_FOUND);
    Session.refused("subscription of no topic", () -> s.subscription(missing), Code.NOT_FOUND);
    for (String bad : List.of("goog-reserved", "ab", "1digit", "x".repeat(256))) {
      Session.refused("a topic named " + bad, () -> s.topics.createTopic(
          Topic.newBuilder().setName(s.project + "/topics/" + bad).build()), Code.INVALID_ARGUMENT);
    }
    Session.refused("max_messages 0", () -> s.subscriptions.pull(subscription, 0), Code.INVALID_ARGUMENT);
    Session.refused("pull from no subscription",
        () -> s.subscriptions.pull(s.project + "/subscriptions/missing", 1), Code.NOT_FOUND);
  }

  private static void detach(Session s) throws Exception {
    String topic = s.topic();
    String subscription = s.subscription(topic);
    s.topics.detachSubscription(DetachSubscriptionRequest.newBuilder().setSubscription(subscription).build());
    Session.require(s.subscriptions.getSubscription(subscription).getDetached(), "detached is not set");
    Session.refused("pull from it", () -> s.subscriptions.pull(subscription, 1), Code.FAILED_PRECONDITION);
    Session.equal("the topic's subscriptions", all(s.topics.listTopicSubscriptions(topic).iterateAll()), List.of());
  }

  private static void iam(Session s) throws Exception {
    String topic = s.topic();
    GetIamPolicyRequest ask = GetIamPolicyRequest.newBuilder().setResource(topic).build();
    Policy policy = s.topics.getIamPolicy(ask).toBuilder().addBindings(Binding.newBuilder()
        .setRole("roles/pubsub.viewer").addMembers("user:a@example.com")).build();
    s.topics.setIamPolicy(SetIamPolicyRequest.newBuilder().setResource(topic).setPolicy(policy).build());
    Session.equal("bindings", s.topics.getIamPolicy(ask).getBindingsList(), policy.getBindingsList());
    s.topics.testIamPermissions(TestIamPermissionsRequest.newBuilder().setResource(topic)
        .addPermissions("pubsub.topics.publish").build());
  }
}
