package main

import (
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func init() {
	add("topics", topics)
	add("topic-update", topicUpdate)
	add("subscriptions", subscriptions)
	add("subscription-update", subscriptionUpdate)
	add("labels", labels)
	add("paging", paging)
	add("error-codes", errorCodes)
	add("detach", detach)
	add("expiration", expiration)
	add("iam", iam)
}

// all reads an iterator to its end.
func all[T any](next func() (T, error)) []T {
	var items []T
	for {
		item, err := next()
		if err == iterator.Done {
			return items
		}
		must(err)
		items = append(items, item)
	}
}

func topics(s *session) {
	admin := s.client.TopicAdminClient
	topic, subscription := s.pair()
	equal("the topic", get(admin.GetTopic(s.ctx, &pubsubpb.GetTopicRequest{Topic: topic})).Name, topic)
	listed := all(admin.ListTopics(s.ctx, &pubsubpb.ListTopicsRequest{Project: s.project}).Next)
	require(slices.ContainsFunc(listed, func(t *pubsubpb.Topic) bool { return t.Name == topic }), "ListTopics lacks it")
	ofTopic := admin.ListTopicSubscriptions(s.ctx, &pubsubpb.ListTopicSubscriptionsRequest{Topic: topic})
	equal("ListTopicSubscriptions", all(ofTopic.Next), []string{subscription})
	must(admin.DeleteTopic(s.ctx, &pubsubpb.DeleteTopicRequest{Topic: topic}))
	_, err := admin.GetTopic(s.ctx, &pubsubpb.GetTopicRequest{Topic: topic})
	refused("GetTopic after delete", codes.NotFound, err)
	orphan := get(s.client.SubscriptionAdminClient.GetSubscription(s.ctx,
		&pubsubpb.GetSubscriptionRequest{Subscription: subscription}))
	equal("topic of the subscription left behind", orphan.Topic, "_deleted-topic_")
}

func topicUpdate(s *session) {
	admin := s.client.TopicAdminClient
	topic := s.topic()
	update := func(change *pubsubpb.Topic, paths ...string) (*pubsubpb.Topic, error) {
		change.Name = topic
		return admin.UpdateTopic(s.ctx, &pubsubpb.UpdateTopicRequest{Topic: change,
			UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	changed := get(update(&pubsubpb.Topic{Labels: map[string]string{"a": "b"},
		MessageRetentionDuration: seconds(3600)}, "labels"))
	equal("labels", changed.Labels, map[string]string{"a": "b"})
	equal("a field outside the mask", changed.MessageRetentionDuration.GetSeconds(), 0)
	changed = get(update(&pubsubpb.Topic{MessageRetentionDuration: seconds(3600)}, "message_retention_duration"))
	equal("retention", changed.MessageRetentionDuration.GetSeconds(), 3600)
	_, err := update(&pubsubpb.Topic{})
	refused("an empty mask", codes.InvalidArgument, err)
}

func subscriptions(s *session) {
	admin := s.client.SubscriptionAdminClient
	topic := s.topic()
	name := s.subscription(topic, func(sub *pubsubpb.Subscription) {
		sub.AckDeadlineSeconds, sub.EnableMessageOrdering, sub.RetainAckedMessages = 25, true, true
		sub.MessageRetentionDuration = seconds(1200)
	})
	stored := get(admin.GetSubscription(s.ctx, &pubsubpb.GetSubscriptionRequest{Subscription: name}))
	equal("settings", []any{stored.Topic, stored.AckDeadlineSeconds, stored.EnableMessageOrdering,
		stored.RetainAckedMessages, stored.MessageRetentionDuration.GetSeconds()}, []any{topic, 25, true, true, 1200})
	listed := all(admin.ListSubscriptions(s.ctx, &pubsubpb.ListSubscriptionsRequest{Project: s.project}).Next)
	require(slices.ContainsFunc(listed, func(x *pubsubpb.Subscription) bool { return x.Name == name }),
		"ListSubscriptions lacks it")
	must(admin.DeleteSubscription(s.ctx, &pubsubpb.DeleteSubscriptionRequest{Subscription: name}))
	_, err := admin.GetSubscription(s.ctx, &pubsubpb.GetSubscriptionRequest{Subscription: name})
	refused("GetSubscription after delete", codes.NotFound, err)
}

func subscriptionUpdate(s *session) {
	_, name := s.pair()
	update := func(change *pubsubpb.Subscription, paths ...string) (*pubsubpb.Subscription, error) {
		change.Name = name
		return s.client.SubscriptionAdminClient.UpdateSubscription(s.ctx, &pubsubpb.UpdateSubscriptionRequest{
			Subscription: change, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	changed := get(update(&pubsubpb.Subscription{AckDeadlineSeconds: 40, Labels: map[string]string{"not": "masked"},
		RetryPolicy: &pubsubpb.RetryPolicy{MinimumBackoff: seconds(1), MaximumBackoff: seconds(9)}},
		"ack_deadline_seconds", "retry_policy"))
	equal("changes", []any{changed.AckDeadlineSeconds, changed.RetryPolicy.GetMaximumBackoff().GetSeconds(),
		len(changed.Labels)}, []any{40, 9, 0})
	_, err := update(&pubsubpb.Subscription{EnableMessageOrdering: true}, "enable_message_ordering")
	refused("changing the ordering", codes.InvalidArgument, err)
}

func labels(s *session) {
	wanted := map[string]string{"team": "data", "empty": ""}
	topic := s.topic(func(t *pubsubpb.Topic) { t.Labels = wanted })
	stored := get(s.client.TopicAdminClient.GetTopic(s.ctx, &pubsubpb.GetTopicRequest{Topic: topic}))
	equal("topic's labels", stored.Labels, wanted)
	name := s.subscription(topic, func(sub *pubsubpb.Subscription) { sub.Labels = wanted })
	request := &pubsubpb.GetSubscriptionRequest{Subscription: name}
	equal("subscription's labels", get(s.client.SubscriptionAdminClient.GetSubscription(s.ctx, request)).Labels, wanted)
}

func paging(s *session) {
	topic := s.topic()
	var made []string
	for range 5 {
		made = append(made, s.subscription(topic))
	}
	pages := iterator.NewPager(s.client.TopicAdminClient.ListTopicSubscriptions(s.ctx,
		&pubsubpb.ListTopicSubscriptionsRequest{Topic: topic}), 2, "")
	var names []string
	for more := true; more; {
		var page []string
		token := get(pages.NextPage(&page))
		require(len(page) <= 2, "a page of %d where 2 were asked for", len(page))
		names, more = append(names, page...), token != ""
	}
	slices.Sort(names)
	slices.Sort(made)
	equal("the pages together", names, made)
}

func errorCodes(s *session) {
	topic, subscription := s.pair()
	_, err := s.client.TopicAdminClient.CreateTopic(s.ctx, &pubsubpb.Topic{Name: topic})
	refused("a topic twice", codes.AlreadyExists, err)
	_, err = s.post(s.project+"/topics/missing", &pubsubpb.PubsubMessage{Data: []byte("x")})
	refused("publish to no topic", codes.NotFound, err)
	_, err = s.trySubscription(s.project + "/topics/missing")
	refused("subscription of no topic", codes.NotFound, err)
	for _, bad := range []string{"goog-reserved", "ab", "1digit", strings.Repeat("x", 256)} {
		_, err = s.client.TopicAdminClient.CreateTopic(s.ctx, &pubsubpb.Topic{Name: s.project + "/topics/" + bad})
		refused("a topic named "+bad[:2], codes.InvalidArgument, err)
	}
	_, err = s.client.SubscriptionAdminClient.Pull(s.ctx, &pubsubpb.PullRequest{Subscription: subscription})
	refused("max_messages 0", codes.InvalidArgument, err)
	_, err = s.client.SubscriptionAdminClient.Pull(s.ctx, &pubsubpb.PullRequest{
		Subscription: s.project + "/subscriptions/missing", MaxMessages: 1})
	refused("pull from no subscription", codes.NotFound, err)
}

func detach(s *session) {
	topic, subscription := s.pair()
	get(s.client.TopicAdminClient.DetachSubscription(s.ctx, &pubsubpb.DetachSubscriptionRequest{
		Subscription: subscription}))
	stored := get(s.client.SubscriptionAdminClient.GetSubscription(s.ctx,
		&pubsubpb.GetSubscriptionRequest{Subscription: subscription}))
	require(stored.Detached, "detached is not set")
	_, err := s.client.SubscriptionAdminClient.Pull(s.ctx, &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 1})
	refused("pull from it", codes.FailedPrecondition, err)
	ofTopic := s.client.TopicAdminClient.ListTopicSubscriptions(s.ctx, &pubsubpb.ListTopicSubscriptionsRequest{Topic: topic})
	equal("the topic's subscriptions", len(all(ofTopic.Next)), 0)
}

func expiration(s *session) {
	topic := s.topic()
	plain := get(s.trySubscription(topic))
	equal("default time to live", plain.ExpirationPolicy.GetTtl().GetSeconds(), 31*86400)
	never := get(s.trySubscription(topic, func(sub *pubsubpb.Subscription) {
		sub.ExpirationPolicy = &pubsubpb.ExpirationPolicy{}
	}))
	require(never.ExpirationPolicy != nil && never.ExpirationPolicy.Ttl == nil, "an empty policy (never) is not kept")
	_, err := s.trySubscription(topic, func(sub *pubsubpb.Subscription) {
		sub.ExpirationPolicy = &pubsubpb.ExpirationPolicy{Ttl: seconds(3600)}
	})
	refused("a time to live of an hour", codes.InvalidArgument, err)
}

func iam(s *session) {
	admin := s.client.TopicAdminClient
	topic := s.topic()
	policy := get(admin.GetIamPolicy(s.ctx, &iampb.GetIamPolicyRequest{Resource: topic}))
	policy.Bindings = []*iampb.Binding{{Role: "roles/pubsub.viewer", Members: []string{"user:a@example.com"}}}
	get(admin.SetIamPolicy(s.ctx, &iampb.SetIamPolicyRequest{Resource: topic, Policy: policy}))
	stored := get(admin.GetIamPolicy(s.ctx, &iampb.GetIamPolicyRequest{Resource: topic}))
	equal("bindings", len(stored.Bindings), 1)
	equal("role", stored.Bindings[0].Role, "roles/pubsub.viewer")
	asked := []string{"pubsub.topics.publish"}
	granted := get(admin.TestIamPermissions(s.ctx, &iampb.TestIamPermissionsRequest{Resource: topic, Permissions: asked}))
	require(len(granted.Permissions) <= 1, "permissions that were not asked for: %v", granted.Permissions)
}
