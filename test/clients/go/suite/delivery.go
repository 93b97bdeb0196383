package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
)

func init() {
	add("publish", publish)
	add("batching", batching)
	add("publish-limits", publishLimits)
	add("publish-10mb", publish10MB)
	add("pull", pull)
	add("streaming-pull", streamingPull)
	add("flow-control", flowControl)
	add("lease-extension", leaseExtension)
	add("nack", nack)
	add("redelivery", redelivery)
	add("ordering", ordering)
	add("ordering-nack", orderingNack)
}

func publish(s *session) {
	topic, subscription := s.pair(ordered)
	attributes := map[string]string{"a": "1", "ü": "größe", "empty": ""}
	sent := get(s.post(topic, &pubsubpb.PubsubMessage{Data: []byte{0, 1, 255}, Attributes: attributes, OrderingKey: "k"}))
	message := s.take(subscription, 1)[0].Message
	equal("data", message.Data, []byte{0, 1, 255})
	equal("attributes", message.Attributes, attributes)
	equal("ordering key", message.OrderingKey, "k")
	equal("id", message.MessageId, sent[0])
	age := time.Since(message.PublishTime.AsTime())
	require(age > -5*time.Second && age < time.Minute, "publish time is %s old", age)
}

func batching(s *session) {
	topic, subscription := s.pair()
	publisher := s.client.Publisher(topic)
	publisher.PublishSettings.CountThreshold = 50
	var results []*pubsub.PublishResult
	for n := range 300 {
		results = append(results, publisher.Publish(s.ctx, &pubsub.Message{Data: []byte(strconv.Itoa(n))}))
	}
	sent := map[string]string{}
	for n, result := range results {
		sent[get(result.Get(s.ctx))] = strconv.Itoa(n)
	}
	publisher.Stop()
	received := map[string]string{}
	for _, one := range s.take(subscription, 300) {
		received[one.Message.MessageId] = string(one.Message.Data)
	}
	require(maps.Equal(sent, received), "what arrived is not what was sent")
}

func publishLimits(s *session) {
	topic, subscription := s.pair()
	many := map[string]string{}
	for n := range 101 {
		many[strconv.Itoa(n)] = "v"
	}
	for what, message := range map[string]*pubsubpb.PubsubMessage{
		"an empty message":              {},
		"101 attributes":                {Attributes: many},
		"a key of 257 bytes":            {Attributes: map[string]string{strings.Repeat("k", 257): "v"}},
		"a value of 1025 bytes":         {Attributes: map[string]string{"k": strings.Repeat("v", 1025)}},
		"an ordering key of 1025 bytes": {Data: []byte("x"), OrderingKey: strings.Repeat("k", 1025)},
	} {
		_, err := s.post(topic, &pubsubpb.PubsubMessage{Data: []byte("good")}, message)
		refused(what, codes.InvalidArgument, err)
	}
	s.none(subscription, "something of a refused request was stored", 1500*time.Millisecond)
}

func publish10MB(s *session) {
	topic, subscription := s.pair()
	big := bytes.Repeat([]byte("0123456789abcdef"), 9_900_000/16)
	get(s.post(topic, &pubsubpb.PubsubMessage{Data: big}))
	received := s.pull(subscription, 1, 30*time.Second)
	require(len(received) == 1 && bytes.Equal(received[0].Message.Data, big), "it did not arrive as it was sent")
	_, err := s.post(topic, &pubsubpb.PubsubMessage{Data: make([]byte, 11_000_000)})
	refused("11 MB", codes.InvalidArgument, err)
}

func pull(s *session) {
	topic, subscription := s.pair()
	s.put(topic, "a", "b", "c")
	received := s.take(subscription, 3)
	equal("messages", texts(received), set("a", "b", "c"))
	must(s.ack(subscription, received...))
	s.none(subscription, "an acknowledged message came back", 1500*time.Millisecond)
}

func streamingPull(s *session) {
	topic, subscription := s.pair()
	for n := range 5 {
		var batch []string
		for k := range 100 {
			batch = append(batch, fmt.Sprintf("%d-%d", n, k))
		}
		s.put(topic, batch...)
	}
	seen := map[string]int{}
	arrived := s.receive(subscription, 20*time.Second, nil, func(message *pubsub.Message) bool {
		seen[message.ID]++
		message.Ack()
		return len(seen) == 500
	})
	require(arrived, "%d of 500 messages arrived", len(seen))
	s.none(subscription, "an acknowledged message came back", 1500*time.Millisecond)
}

func flowControl(s *session) {
	topic, subscription := s.pair()
	s.put(topic, strings.Split(strings.Repeat("x", 30), "")...)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	stream := get(s.client.SubscriptionAdminClient.StreamingPull(ctx))
	must(stream.Send(&pubsubpb.StreamingPullRequest{Subscription: subscription, StreamAckDeadlineSeconds: 60,
		MaxOutstandingMessages: 5}))
	received := make(chan *pubsubpb.ReceivedMessage, 100)
	go func() {
		for {
			answer, err := stream.Recv()
			if err != nil {
				return
			}
			for _, message := range answer.ReceivedMessages {
				received <- message
			}
		}
	}()
	time.Sleep(2 * time.Second)
	equal("messages with max_outstanding_messages=5", len(received), 5)
	must(stream.Send(&pubsubpb.StreamingPullRequest{AckIds: []string{(<-received).AckId, (<-received).AckId}}))
	time.Sleep(2 * time.Second)
	equal("messages after two acknowledgements", len(received), 5)
}

func leaseExtension(s *session) {
	topic, subscription := s.pair(tenSeconds)
	s.put(topic, "slow")
	deliveries := 0
	s.receive(subscription, 25*time.Second, nil, func(message *pubsub.Message) bool {
		deliveries++
		time.Sleep(13 * time.Second)
		message.Ack()
		return true
	})
	equal("deliveries to a callback of 13 s with a deadline of 10 s", deliveries, 1)
	s.none(subscription, "an acknowledged message came back", 1500*time.Millisecond)
}

func nack(s *session) {
	topic, subscription := s.pair()
	s.put(topic, "three times")
	tries := 0
	s.receive(subscription, 15*time.Second, nil, func(message *pubsub.Message) bool {
		if tries++; tries == 3 {
			message.Ack()
			return true
		}
		message.Nack()
		return false
	})
	equal("deliveries", tries, 3)
}

func redelivery(s *session) {
	topic, subscription := s.pair(tenSeconds)
	s.put(topic, "again")
	first := s.take(subscription, 1)[0]
	s.none(subscription, "redelivered before its deadline", 8*time.Second)
	equal("the message", s.take(subscription, 1)[0].Message.MessageId, first.Message.MessageId)
}

func ordering(s *session) {
	topic, subscription := s.pair(ordered)
	publisher := s.client.Publisher(topic)
	publisher.EnableMessageOrdering = true
	for n := range 150 {
		publisher.Publish(s.ctx, &pubsub.Message{Data: []byte(strconv.Itoa(n)), OrderingKey: fmt.Sprint("k", n%3)})
	}
	publisher.Flush()
	seen, total := map[string][]int{}, 0
	arrived := s.receive(subscription, 20*time.Second, nil, func(message *pubsub.Message) bool {
		seen[message.OrderingKey] = append(seen[message.OrderingKey], get(strconv.Atoi(string(message.Data))))
		message.Ack()
		total++
		return total == 150
	})
	publisher.Stop()
	require(arrived, "%d of 150 messages arrived", total)
	for key, numbers := range seen {
		require(slices.IsSorted(numbers), "order of %s: %v", key, numbers)
	}
}

func orderingNack(s *session) {
	topic, subscription := s.pair(ordered)
	var messages []*pubsubpb.PubsubMessage
	for n := range 5 {
		messages = append(messages, &pubsubpb.PubsubMessage{Data: []byte(strconv.Itoa(n)), OrderingKey: "k"})
	}
	get(s.post(topic, messages...))
	var seen []string
	nacked := false
	arrived := s.receive(subscription, 20*time.Second, nil, func(message *pubsub.Message) bool {
		if string(message.Data) == "1" && !nacked {
			nacked = true
			message.Nack()
			return false
		}
		seen = append(seen, string(message.Data))
		message.Ack()
		return string(message.Data) == "4" && slices.Contains(seen, "1")
	})
	require(arrived, "the key stopped: %v", seen)
	equal("after the nack of 1, in order", seen[slices.Index(seen, "1"):], []string{"1", "2", "3", "4"})
}

// acked is an acknowledgement's status on an exactly-once subscription.
func acked(ctx context.Context, result *pubsub.AckResult) (pubsub.AcknowledgeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	status, err := result.Get(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		fail("no answer to an acknowledgement within 20 s")
	}
	return status, err
}
