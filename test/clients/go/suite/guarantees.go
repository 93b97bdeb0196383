package main

import (
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func init() {
	add("delivery-attempt", deliveryAttempt)
	add("dead-letter", deadLetter)
	add("retry-policy", retryPolicy)
	add("filter", filter)
	add("exactly-once", exactlyOnceSuccess)
	add("exactly-once-expired", exactlyOnceExpired)
	add("seek-time", seekTime)
	add("seek-snapshot", seekSnapshot)
	add("snapshots", snapshots)
	add("retention", retention)
}

func deadLetters(topic string, attempts int32) func(*pubsubpb.Subscription) {
	return func(sub *pubsubpb.Subscription) {
		sub.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: topic, MaxDeliveryAttempts: attempts}
	}
}

func deliveryAttempt(s *session) {
	topic := s.topic()
	subscription := s.subscription(topic, deadLetters(s.topic(), 10))
	s.put(topic, "x")
	for attempt := range int32(4) {
		received := s.take(subscription, 1)[0]
		equal("attempt", received.DeliveryAttempt, attempt+1)
		s.extend(subscription, 0, received)
	}
}

func deadLetter(s *session) {
	topic, dead := s.topic(), s.topic()
	letters := s.subscription(dead)
	subscription := s.subscription(topic, deadLetters(dead, 5))
	get(s.post(topic, &pubsubpb.PubsubMessage{Data: []byte("poison"), Attributes: map[string]string{"own": "kept"}}))
	tries := 0
	s.receive(subscription, 10*time.Second, nil, func(message *pubsub.Message) bool {
		tries++
		message.Nack()
		return false
	})
	equal("deliveries", tries, 5)
	message := s.take(letters, 1)[0].Message
	equal("data", string(message.Data), "poison")
	equal("own attribute", message.Attributes["own"], "kept")
	prefix := "CloudPubSubDeadLetterSource"
	equal("delivery count", message.Attributes[prefix+"DeliveryCount"], "5")
	equal("source", message.Attributes[prefix+"Subscription"], subscription[strings.LastIndex(subscription, "/")+1:])
	equal("source project", "projects/"+message.Attributes[prefix+"SubscriptionProject"], s.project)
}

func retryPolicy(s *session) {
	topic, subscription := s.pair(func(sub *pubsubpb.Subscription) {
		sub.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: seconds(3), MaximumBackoff: seconds(6)}
	})
	s.put(topic, "later")
	received := s.take(subscription, 1)[0]
	begin := time.Now()
	s.extend(subscription, 0, received)
	s.take(subscription, 1)
	waited := time.Since(begin)
	require(waited > 2300*time.Millisecond && waited < 9*time.Second,
		"redelivered %s after a nack with a minimum backoff of 3 s", waited)
}

func filter(s *session) {
	topic := s.topic()
	filtered := func(text string) func(*pubsubpb.Subscription) {
		return func(sub *pubsubpb.Subscription) { sub.Filter = text }
	}
	same := s.subscription(topic, filtered(`attributes.kind = "a"`))
	prefix := s.subscription(topic, filtered(`hasPrefix(attributes.kind, "b") AND NOT attributes:extra`))
	for _, kind := range []string{"a", "b-1", "c"} {
		get(s.post(topic, &pubsubpb.PubsubMessage{Data: []byte(kind), Attributes: map[string]string{"kind": kind}}))
	}
	equal("equality", texts(s.take(same, 1)), set("a"))
	equal("prefix and not", texts(s.take(prefix, 1)), set("b-1"))
	s.none(same, "more than the filter asks for", time.Second)
	_, err := s.trySubscription(topic, filtered(`attributes.kind = = "a"`))
	refused("a wrong filter", codes.InvalidArgument, err)
}

func exactlyOnceSuccess(s *session) {
	topic, subscription := s.pair(exactlyOnce)
	s.put(topic, strings.Split("abcdefghijklmnopqrst", "")...)
	var results []*pubsub.AckResult
	arrived := s.receive(subscription, 20*time.Second, nil, func(message *pubsub.Message) bool {
		results = append(results, message.AckWithResult())
		return len(results) == 20
	})
	require(arrived, "%d of 20 messages arrived", len(results))
	for _, result := range results {
		status, err := acked(s.ctx, result)
		must(err)
		equal("the acknowledgement", status, pubsub.AcknowledgeStatusSuccess)
	}
	s.none(subscription, "an acknowledged message came back", 2*time.Second)
}

func exactlyOnceExpired(s *session) {
	topic, subscription := s.pair(exactlyOnce, tenSeconds)
	s.put(topic, "late")
	late := s.take(subscription, 1)[0]
	s.none(subscription, "given out while it is leased", 8*time.Second)
	again := s.take(subscription, 1)[0]
	refused("acknowledging with the expired id", codes.InvalidArgument, s.ack(subscription, late))
	must(s.ack(subscription, again))
	s.none(subscription, "came back after the right acknowledgement", 2*time.Second)
}

func (s *session) seek(request *pubsubpb.SeekRequest) error {
	_, err := s.client.SubscriptionAdminClient.Seek(s.ctx, request)
	return err
}

func at(subscription string, moment time.Time) *pubsubpb.SeekRequest {
	return &pubsubpb.SeekRequest{Subscription: subscription,
		Target: &pubsubpb.SeekRequest_Time{Time: timestamppb.New(moment)}}
}

func to(subscription, snapshot string) *pubsubpb.SeekRequest {
	return &pubsubpb.SeekRequest{Subscription: subscription, Target: &pubsubpb.SeekRequest_Snapshot{Snapshot: snapshot}}
}

func seekTime(s *session) {
	topic, subscription := s.pair(func(sub *pubsubpb.Subscription) { sub.RetainAckedMessages = true })
	s.put(topic, "one", "two")
	must(s.ack(subscription, s.take(subscription, 2)...))
	must(s.seek(at(subscription, time.Now().Add(-10*time.Minute))))
	equal("after a seek back", texts(s.take(subscription, 2)), set("one", "two"))
	must(s.seek(at(subscription, time.Now().Add(time.Minute))))
	s.none(subscription, "a seek forward left messages", 1500*time.Millisecond)
}

func (s *session) snapshot(subscription string) string {
	name := s.name("snapshots")
	get(s.client.SubscriptionAdminClient.CreateSnapshot(s.ctx, &pubsubpb.CreateSnapshotRequest{
		Name: name, Subscription: subscription}))
	return name
}

func seekSnapshot(s *session) {
	topic, subscription := s.pair()
	s.put(topic, "left")
	snapshot := s.snapshot(subscription)
	s.put(topic, "after")
	must(s.ack(subscription, s.take(subscription, 2)...))
	must(s.seek(to(subscription, snapshot)))
	equal("after the seek", texts(s.take(subscription, 2)), set("left", "after"))
	_, stranger := s.pair()
	refusedAs("a subscription of another topic", s.seek(to(stranger, snapshot)),
		codes.InvalidArgument, codes.FailedPrecondition)
}

func snapshots(s *session) {
	admin := s.client.SubscriptionAdminClient
	topic, subscription := s.pair()
	name := s.snapshot(subscription)
	stored := get(admin.GetSnapshot(s.ctx, &pubsubpb.GetSnapshotRequest{Snapshot: name}))
	equal("its topic", stored.Topic, topic)
	days := time.Until(stored.ExpireTime.AsTime()).Hours() / 24
	require(days > 6.9 && days < 7.1, "it expires in %.1f days, not in seven", days)
	listed := all(s.client.TopicAdminClient.ListTopicSnapshots(s.ctx,
		&pubsubpb.ListTopicSnapshotsRequest{Topic: topic}).Next)
	equal("ListTopicSnapshots", listed, []string{name})
	changed := get(admin.UpdateSnapshot(s.ctx, &pubsubpb.UpdateSnapshotRequest{
		Snapshot:   &pubsubpb.Snapshot{Name: name, Labels: map[string]string{"c": "d"}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels"}}}))
	equal("updated labels", changed.Labels, map[string]string{"c": "d"})
	must(admin.DeleteSnapshot(s.ctx, &pubsubpb.DeleteSnapshotRequest{Snapshot: name}))
	_, err := admin.GetSnapshot(s.ctx, &pubsubpb.GetSnapshotRequest{Snapshot: name})
	refused("after delete", codes.NotFound, err)
}

func retention(s *session) {
	topic := s.topic(func(t *pubsubpb.Topic) { t.MessageRetentionDuration = seconds(3600) })
	s.put(topic, "before the subscription")
	subscription := s.subscription(topic)
	s.none(subscription, "a new subscription starts with old messages", time.Second)
	must(s.seek(at(subscription, time.Now().Add(-10*time.Minute))))
	equal("after a seek", texts(s.take(subscription, 1)), set("before the subscription"))
}
