package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// windowed collects latencies by how far the run is.
type windowed struct {
	mutex sync.Mutex
	parts [][]time.Duration
	total int64
}

func newWindowed(parts int, total int64) *windowed {
	return &windowed{parts: make([][]time.Duration, parts), total: total}
}

// part is which window the n-th operation belongs to.
func (w *windowed) part(n int64) int {
	return min(int(n*int64(len(w.parts))/w.total), len(w.parts)-1)
}

func (w *windowed) add(n int64, took time.Duration) {
	w.mutex.Lock()
	part := w.part(n)
	w.parts[part] = append(w.parts[part], took)
	w.mutex.Unlock()
}

func (w *windowed) percentiles(share float64) []float64 {
	values := make([]float64, len(w.parts))
	for i, part := range w.parts {
		values[i] = percentile(part, share)
	}
	return values
}

// report gives the percentiles of each window, in order.
func (w *windowed) report(seconds float64) map[string]any {
	return map[string]any{"operations": w.total, "operations_per_s": float64(w.total) / seconds,
		"p50_ms": w.percentiles(0.50), "p99_ms": w.percentiles(0.99)}
}

// measureSpread publishes to many topics in turn, each with a subscription that nobody reads.
func measureSpread(s settings) map[string]any {
	topics := makeTopics(s)
	// As many requests for one topic as for a thousand: the generator's caches are to miss alike.
	request := make([]*pubsubpb.PublishRequest, 1000)
	payloads := makePayloads(s.size)
	for i := range request {
		request[i] = &pubsubpb.PublishRequest{Topic: topics[i%len(topics)]}
		for k := 0; k < s.batch; k++ {
			request[i].Messages = append(request[i].Messages, &pubsubpb.PubsubMessage{Data: payloads[(i+k)%len(payloads)]})
		}
	}
	var next, sent atomic.Int64
	var wait sync.WaitGroup
	begin := time.Now()
	for range s.publishers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			client := dial(s)
			defer client.Close()
			publisher := pubsubpb.NewPublisherClient(client)
			for time.Since(begin) < s.duration {
				turn := request[next.Add(1)%int64(len(request))]
				if _, err := publisher.Publish(context.Background(), turn); err != nil {
					fail(err)
				}
				sent.Add(int64(s.batch))
			}
		}()
	}
	wait.Wait()
	return map[string]any{"topics": len(topics), "batch": s.batch,
		"messages_per_s": float64(sent.Load()) / time.Since(begin).Seconds()}
}

func makeTopics(s settings) []string {
	client := dial(s)
	defer client.Close()
	publisher, subscriber := pubsubpb.NewPublisherClient(client), pubsubpb.NewSubscriberClient(client)
	prefix := fmt.Sprint("spread", time.Now().UnixNano(), "-")
	topics := make([]string, s.topics)
	inParallel(8, int64(s.topics), func(n int64) {
		topics[n] = fmt.Sprint("projects/bench/topics/", prefix, n)
		if _, err := publisher.CreateTopic(context.Background(), &pubsubpb.Topic{Name: topics[n]}); err != nil {
			fail(err)
		}
		if _, err := subscriber.CreateSubscription(context.Background(), &pubsubpb.Subscription{
			Name: fmt.Sprint("projects/bench/subscriptions/", prefix, n), Topic: topics[n]}); err != nil {
			fail(err)
		}
	})
	return topics
}

func inParallel(workers int, total int64, each func(n int64)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := next.Add(1) - 1; n < total; n = next.Add(1) - 1 {
				each(n)
			}
		}()
	}
	wait.Wait()
}

// measureChurn runs cycles of: make a topic and a subscription, publish, delete both.
func measureChurn(s settings) map[string]any {
	client := dial(s)
	defer client.Close()
	publisher, subscriber := pubsubpb.NewPublisherClient(client), pubsubpb.NewSubscriberClient(client)
	prefix := fmt.Sprint("churn", time.Now().UnixNano(), "-")
	ctx := context.Background()
	data := numbered(s.size, 0)
	latencies := newWindowed(s.windows, s.messages)
	begin := time.Now()
	inParallel(max(s.publishers, 8), s.messages, func(n int64) {
		start := time.Now()
		topic, subscription := fmt.Sprint("projects/bench/topics/", prefix, n), fmt.Sprint("projects/bench/subscriptions/", prefix, n)
		if _, err := publisher.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
			fail(err)
		}
		if _, err := subscriber.CreateSubscription(ctx, &pubsubpb.Subscription{Name: subscription, Topic: topic}); err != nil {
			fail(err)
		}
		if _, err := publisher.Publish(ctx, &pubsubpb.PublishRequest{Topic: topic,
			Messages: []*pubsubpb.PubsubMessage{{Data: data}}}); err != nil {
			fail(err)
		}
		if _, err := subscriber.DeleteSubscription(ctx, &pubsubpb.DeleteSubscriptionRequest{Subscription: subscription}); err != nil {
			fail(err)
		}
		if _, err := publisher.DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: topic}); err != nil {
			fail(err)
		}
		latencies.add(n, time.Since(start))
	})
	return latencies.report(time.Since(begin).Seconds())
}

// measureEndurance publishes and drains many messages at once: two publishers, one stream. The latency is a publish's.
func measureEndurance(s settings) map[string]any {
	topic, subscription := makeTopic(s)
	p := openPuller(s, subscription)
	latencies := newWindowed(s.windows, s.messages)
	var behind atomic.Int64
	received := int64(0)
	done := make(chan struct{})
	go func() {
		p.read(func(*pubsubpb.ReceivedMessage) {
			received++
			behind.Add(-1)
		}, func() bool { return received < s.messages })
		close(done)
	}()
	data := numbered(s.size, 0)
	begin := time.Now()
	clients := make(chan pubsubpb.PublisherClient, 2)
	for range cap(clients) {
		client := dial(s)
		defer client.Close()
		clients <- pubsubpb.NewPublisherClient(client)
	}
	inParallel(cap(clients), s.messages/int64(s.batch), func(n int64) {
		// The publishers wait for the reader, so that it is a steady flow and not a growing backlog.
		for behind.Load() > 100_000 {
			time.Sleep(time.Millisecond)
		}
		request := &pubsubpb.PublishRequest{Topic: topic}
		for range s.batch {
			request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{Data: data})
		}
		publisher := <-clients
		start := time.Now()
		if _, err := publisher.Publish(context.Background(), request); err != nil {
			fail(err)
		}
		latencies.add(n*int64(s.batch), time.Since(start))
		clients <- publisher
		behind.Add(int64(s.batch))
	})
	<-done
	p.finish()
	return latencies.report(time.Since(begin).Seconds())
}
