package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

var count atomic.Int64

func (s *session) name(kind string) string {
	return fmt.Sprintf("%s/%s/go-%x-%d", s.project, kind, time.Now().UnixNano(), count.Add(1))
}

func (s *session) topic(settings ...func(*pubsubpb.Topic)) string {
	topic := &pubsubpb.Topic{Name: s.name("topics")}
	for _, set := range settings {
		set(topic)
	}
	return get(s.client.TopicAdminClient.CreateTopic(s.ctx, topic)).Name
}

func (s *session) trySubscription(topic string, settings ...func(*pubsubpb.Subscription)) (*pubsubpb.Subscription, error) {
	subscription := &pubsubpb.Subscription{Name: s.name("subscriptions"), Topic: topic, AckDeadlineSeconds: 60}
	for _, set := range settings {
		set(subscription)
	}
	return s.client.SubscriptionAdminClient.CreateSubscription(s.ctx, subscription)
}

func (s *session) subscription(topic string, settings ...func(*pubsubpb.Subscription)) string {
	return get(s.trySubscription(topic, settings...)).Name
}

func (s *session) pair(settings ...func(*pubsubpb.Subscription)) (string, string) {
	topic := s.topic()
	return topic, s.subscription(topic, settings...)
}

// post is one Publish call with exactly these messages; the client's own Publish batches.
func (s *session) post(topic string, messages ...*pubsubpb.PubsubMessage) ([]string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	answer, err := s.client.TopicAdminClient.Publish(ctx, &pubsubpb.PublishRequest{Topic: topic, Messages: messages})
	return answer.GetMessageIds(), err
}

func (s *session) put(topic string, texts ...string) []string {
	var messages []*pubsubpb.PubsubMessage
	for _, text := range texts {
		messages = append(messages, &pubsubpb.PubsubMessage{Data: []byte(text)})
	}
	return get(s.post(topic, messages...))
}

// pull waits at most so long for at least one message.
func (s *session) pull(subscription string, most int32, wait time.Duration) []*pubsubpb.ReceivedMessage {
	ctx, cancel := context.WithTimeout(s.ctx, wait)
	defer cancel()
	answer, err := s.client.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{
		Subscription: subscription, MaxMessages: most})
	if code := status.Code(err); code == codes.DeadlineExceeded || code == codes.Canceled || ctx.Err() != nil {
		return nil
	}
	must(err)
	return answer.ReceivedMessages
}

func (s *session) takeWithin(subscription string, want int, wait time.Duration) []*pubsubpb.ReceivedMessage {
	var received []*pubsubpb.ReceivedMessage
	for end := time.Now().Add(wait); len(received) < want && time.Now().Before(end); {
		received = append(received, s.pull(subscription, int32(want-len(received)), 5*time.Second)...)
	}
	require(len(received) == want, "%d messages within %s instead of %d", len(received), wait, want)
	return received
}

func (s *session) take(subscription string, want int) []*pubsubpb.ReceivedMessage {
	return s.takeWithin(subscription, want, 15*time.Second)
}

func (s *session) none(subscription, what string, wait time.Duration) {
	received := s.pull(subscription, 10, wait)
	require(len(received) == 0, "%s: %d messages", what, len(received))
}

func (s *session) ack(subscription string, received ...*pubsubpb.ReceivedMessage) error {
	return s.client.SubscriptionAdminClient.Acknowledge(s.ctx, &pubsubpb.AcknowledgeRequest{
		Subscription: subscription, AckIds: ids(received)})
}

func (s *session) extend(subscription string, seconds int32, received ...*pubsubpb.ReceivedMessage) {
	must(s.client.SubscriptionAdminClient.ModifyAckDeadline(s.ctx, &pubsubpb.ModifyAckDeadlineRequest{
		Subscription: subscription, AckIds: ids(received), AckDeadlineSeconds: seconds}))
}

func ids(received []*pubsubpb.ReceivedMessage) []string {
	var all []string
	for _, one := range received {
		all = append(all, one.AckId)
	}
	return all
}

func texts(received []*pubsubpb.ReceivedMessage) map[string]bool {
	all := map[string]bool{}
	for _, one := range received {
		all[string(one.Message.Data)] = true
	}
	return all
}

func set(texts ...string) map[string]bool {
	all := map[string]bool{}
	for _, text := range texts {
		all[text] = true
	}
	return all
}

// receive runs the client's own Receive until `done` says so or the time is up.
func (s *session) receive(subscription string, wait time.Duration, settings func(*pubsub.ReceiveSettings),
	callback func(*pubsub.Message) (done bool)) bool {
	ctx, cancel := context.WithTimeout(s.ctx, wait)
	defer cancel()
	subscriber := s.client.Subscriber(subscription)
	if settings != nil {
		settings(&subscriber.ReceiveSettings)
	}
	var mutex sync.Mutex
	finished := false
	must(subscriber.Receive(ctx, func(_ context.Context, message *pubsub.Message) {
		mutex.Lock()
		defer mutex.Unlock()
		if callback(message) {
			finished = true
			cancel()
		}
	}))
	return finished
}

func seconds(count int64) *durationpb.Duration { return &durationpb.Duration{Seconds: count} }

func ordered(subscription *pubsubpb.Subscription)     { subscription.EnableMessageOrdering = true }
func exactlyOnce(subscription *pubsubpb.Subscription) { subscription.EnableExactlyOnceDelivery = true }
func tenSeconds(subscription *pubsubpb.Subscription)  { subscription.AckDeadlineSeconds = 10 }
