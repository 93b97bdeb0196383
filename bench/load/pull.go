package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
)

// Ack ids an Acknowledge request, and requests under way at once: about what Google's clients send.
const (
	ackBatch    = 1000
	ackRequests = 4
)

// puller reads a subscription with one StreamingPull call and acknowledges what it gets by unary calls, as Google's
// clients do. seen runs on the reading goroutine.
type puller struct {
	client *grpc.ClientConn
	cancel context.CancelFunc
	acks   chan []string
	acking sync.WaitGroup
	stream pubsubpb.Subscriber_StreamingPullClient
}

func openPuller(s settings, subscription string) *puller {
	p := &puller{client: dial(s), acks: make(chan []string, 64)}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	subscriber := pubsubpb.NewSubscriberClient(p.client)
	stream, err := subscriber.StreamingPull(ctx, grpc.MaxCallRecvMsgSize(64<<20))
	if err != nil {
		fail(err)
	}
	if err := stream.Send(&pubsubpb.StreamingPullRequest{Subscription: subscription, StreamAckDeadlineSeconds: 60,
		ClientId: "load", MaxOutstandingMessages: 20000}); err != nil {
		fail(err)
	}
	p.stream = stream
	for range ackRequests {
		p.acking.Add(1)
		go func() {
			defer p.acking.Done()
			for ids := range p.acks {
				if _, err := subscriber.Acknowledge(context.Background(),
					&pubsubpb.AcknowledgeRequest{Subscription: subscription, AckIds: ids}); err != nil {
					fail(err)
				}
			}
		}()
	}
	return p
}

// read hands over messages until `more` says no or the stream is closed.
func (p *puller) read(seen func(*pubsubpb.ReceivedMessage), more func() bool) {
	var pending []string
	for more() {
		answer, err := p.stream.Recv()
		if err == io.EOF || (err != nil && p.stream.Context().Err() != nil) {
			break
		}
		if err != nil {
			fail(err)
		}
		for _, received := range answer.ReceivedMessages {
			seen(received)
			pending = append(pending, received.AckId)
			if len(pending) == ackBatch {
				p.acks <- pending
				pending = nil
			}
		}
		// A response that is not full says that there is no more for now.
		if len(pending) > 0 && len(answer.ReceivedMessages) < 500 {
			p.acks <- pending
			pending = nil
		}
	}
	if len(pending) > 0 {
		p.acks <- pending
	}
}

// finish returns when all acks are answered.
func (p *puller) finish() {
	close(p.acks)
	p.acking.Wait()
	p.cancel()
	p.client.Close()
}

// numbered returns a payload that carries n.
func numbered(size int, n uint64) []byte {
	data := make([]byte, max(size, 8))
	binary.LittleEndian.PutUint64(data, n)
	for i := 8; i < len(data); i++ {
		data[i] = byte('a' + i%26)
	}
	return data
}

// fill publishes `messages` numbered from 0 with all publishers.
func fill(s settings, topic string) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range s.publishers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			client := dial(s)
			defer client.Close()
			publisher := pubsubpb.NewPublisherClient(client)
			for {
				first := next.Add(int64(s.batch)) - int64(s.batch)
				if first >= s.messages {
					return
				}
				request := &pubsubpb.PublishRequest{Topic: topic}
				for n := first; n < min(first+int64(s.batch), s.messages); n++ {
					request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{Data: numbered(s.size, uint64(n))})
				}
				if _, err := publisher.Publish(context.Background(), request); err != nil {
					fail(err)
				}
			}
		}()
	}
	wait.Wait()
}

// makeTopic makes the topic and subscription that a run uses, unless they are given and there.
func makeTopic(s settings) (topic, subscription string) {
	client := dial(s)
	defer client.Close()
	name := s.name
	if name == "" {
		name = fmt.Sprint("load", time.Now().UnixNano())
	}
	topic, subscription = "projects/bench/topics/"+name, "projects/bench/subscriptions/"+name
	publisher, subscriber := pubsubpb.NewPublisherClient(client), pubsubpb.NewSubscriberClient(client)
	ctx := context.Background()
	if _, err := subscriber.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: subscription}); err == nil {
		return topic, subscription
	}
	if _, err := publisher.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
		fail(err)
	}
	if _, err := subscriber.CreateSubscription(ctx, &pubsubpb.Subscription{Name: subscription, Topic: topic,
		AckDeadlineSeconds: 60}); err != nil {
		fail(err)
	}
	return topic, subscription
}

// measureFill publishes a backlog and leaves it.
func measureFill(s settings) map[string]any {
	topic, _ := makeTopic(s)
	begin := time.Now()
	fill(s, topic)
	return map[string]any{"messages": s.messages, "messages_per_s": float64(s.messages) / time.Since(begin).Seconds()}
}

// measureDrain publishes a backlog (unless -name has one already), then times one stream until each message was seen
// and the answer to every ack has come.
func measureDrain(s settings) map[string]any {
	topic, subscription := makeTopic(s)
	if !s.filled {
		fill(s, topic)
	}
	begin := time.Now()
	p := openPuller(s, subscription)
	seen := make([]bool, s.messages)
	distinct, again := int64(0), int64(0)
	p.read(func(received *pubsubpb.ReceivedMessage) {
		n := binary.LittleEndian.Uint64(received.Message.Data)
		if n >= uint64(len(seen)) {
			fail(fmt.Errorf("message %d was never published", n))
		}
		if seen[n] {
			again++
			return
		}
		seen[n] = true
		distinct++
	}, func() bool { return distinct < s.messages })
	p.finish()
	seconds := time.Since(begin).Seconds()
	return map[string]any{"messages": distinct, "again": again, "messages_per_s": float64(distinct) / seconds}
}

// measureLatency publishes at a steady rate and times each message from just before its publish until it is delivered.
func measureLatency(s settings) map[string]any {
	topic, subscription := makeTopic(s)
	p := openPuller(s, subscription)
	begin := time.Now()
	total := int64(float64(s.rate)*s.duration.Seconds()) / int64(s.batch) * int64(s.batch)
	go func() {
		client := dial(s)
		publisher := pubsubpb.NewPublisherClient(client)
		slots := make(chan struct{}, 256)
		for n := int64(0); n < total; n += int64(s.batch) {
			due := begin.Add(time.Duration(float64(n) / float64(s.rate) * float64(time.Second)))
			time.Sleep(time.Until(due))
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				request := &pubsubpb.PublishRequest{Topic: topic}
				for k := 0; k < s.batch; k++ {
					request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{
						Data: numbered(s.size, uint64(time.Since(begin)))})
				}
				if _, err := publisher.Publish(context.Background(), request); err != nil {
					fail(err)
				}
			}()
		}
	}()
	time.AfterFunc(s.duration+5*time.Second, p.cancel)
	var waits []time.Duration
	p.read(func(received *pubsubpb.ReceivedMessage) {
		waits = append(waits, time.Since(begin)-time.Duration(binary.LittleEndian.Uint64(received.Message.Data)))
	}, func() bool { return int64(len(waits)) < total })
	p.finish()
	return map[string]any{"rate": s.rate, "batch": s.batch, "messages": len(waits), "missing": total - int64(len(waits)),
		"messages_per_s": float64(len(waits)) / time.Since(begin).Seconds(),
		"p50_ms":         percentile(waits, 0.50), "p99_ms": percentile(waits, 0.99)}
}
