package main

import (
	"context"
	"fmt"
	"math/rand"
	"sort"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A connection publishes one batch and returns when all of it is acknowledged.
type connection func(messages [][]byte) error

// A connector opens connection number i and returns how to close it.
type connector func(i int) (connection, func())

// measurePublish runs a closed loop: each publisher sends a batch, waits for its answer, sends the next.
func measurePublish(s settings, connect connector) map[string]any {
	payloads := makePayloads(s.size)
	var wait sync.WaitGroup
	var mutex sync.Mutex
	var latencies []time.Duration
	begin := time.Now()
	deadline := begin.Add(s.duration)
	for i := 0; i < s.publishers; i++ {
		publish, closeConnection := connect(i)
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer closeConnection()
			var own []time.Duration
			batch := make([][]byte, s.batch)
			for n := i * 1000; time.Now().Before(deadline); n++ {
				for k := range batch {
					batch[k] = payloads[(n*s.batch+k)%len(payloads)]
				}
				sent := time.Now()
				if err := publish(batch); err != nil {
					fail(err)
				}
				own = append(own, time.Since(sent))
			}
			mutex.Lock()
			latencies = append(latencies, own...)
			mutex.Unlock()
		}()
	}
	wait.Wait()
	seconds := time.Since(begin).Seconds()
	return map[string]any{
		"batch": s.batch, "publishers": s.publishers,
		"messages_per_s": float64(len(latencies)*s.batch) / seconds,
		"p50_ms":         percentile(latencies, 0.50), "p99_ms": percentile(latencies, 0.99),
	}
}

// makePayloads makes the messages beforehand, so that the generator's own cost stays out of the loop.
func makePayloads(size int) [][]byte {
	random := rand.New(rand.NewSource(1))
	payloads := make([][]byte, 256)
	for i := range payloads {
		text := fmt.Sprintf(`{"app_id":"app-%04d","action_id":%d,"user_email":"user%05d@ltm.example","filler":"`,
			random.Intn(1000), i, random.Intn(20000))
		for len(text) < size-2 {
			text += string(rune('a' + random.Intn(26)))
		}
		payloads[i] = []byte(text + `"}`)
	}
	return payloads
}

func percentile(values []time.Duration, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	return float64(values[int(share*float64(len(values)-1))].Microseconds()) / 1000
}

func dial(s settings) *grpc.ClientConn {
	client, err := grpc.NewClient(s.server, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithReadBufferSize(128<<10), grpc.WithWriteBufferSize(128<<10),
		// Fixed windows: else the client sends a ping for nearly every answer, on any server.
		grpc.WithInitialWindowSize(4<<20), grpc.WithInitialConnWindowSize(16<<20))
	if err != nil {
		fail(err)
	}
	return client
}

// pubsubPublisher makes a topic with one subscription that nobody reads, so that messages must be kept.
func pubsubPublisher(s settings) connector {
	client := dial(s)
	defer client.Close()
	name := fmt.Sprint(time.Now().UnixNano())
	topic := "projects/bench/topics/load" + name
	if _, err := pubsubpb.NewPublisherClient(client).CreateTopic(context.Background(),
		&pubsubpb.Topic{Name: topic}); err != nil {
		fail(err)
	}
	if _, err := pubsubpb.NewSubscriberClient(client).CreateSubscription(context.Background(),
		&pubsubpb.Subscription{Name: "projects/bench/subscriptions/load" + name, Topic: topic}); err != nil {
		fail(err)
	}
	return func(int) (connection, func()) {
		own := dial(s)
		publisher := pubsubpb.NewPublisherClient(own)
		return func(messages [][]byte) error {
			request := &pubsubpb.PublishRequest{Topic: topic, Messages: make([]*pubsubpb.PubsubMessage, len(messages))}
			for i, data := range messages {
				request.Messages[i] = &pubsubpb.PubsubMessage{Data: data}
			}
			answer, err := publisher.Publish(context.Background(), request)
			if err == nil && len(answer.MessageIds) != len(messages) {
				err = fmt.Errorf("%d ids for %d messages", len(answer.MessageIds), len(messages))
			}
			return err
		}, func() { own.Close() }
	}
}

// bareCaller asks for a topic that is there: what one call takes when nothing is written.
func bareCaller(s settings) connector {
	topic, _ := makeTopic(s)
	return func(int) (connection, func()) {
		own := dial(s)
		publisher := pubsubpb.NewPublisherClient(own)
		return func([][]byte) error {
			_, err := publisher.GetTopic(context.Background(), &pubsubpb.GetTopicRequest{Topic: topic})
			return err
		}, func() { own.Close() }
	}
}

// natsPublisher makes a file-backed JetStream; a batch is a window of asynchronous publishes.
func natsPublisher(s settings) connector {
	name := s.name
	if name == "" {
		name = fmt.Sprint("load", time.Now().UnixNano())
	}
	open := func() (*nats.Conn, jetstream.JetStream) {
		conn, err := nats.Connect("nats://" + s.server)
		if err != nil {
			fail(err)
		}
		stream, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(s.batch+1))
		if err != nil {
			fail(err)
		}
		return conn, stream
	}
	conn, stream := open()
	defer conn.Close()
	if _, err := stream.CreateStream(context.Background(), jetstream.StreamConfig{
		Name: name, Subjects: []string{name}, Storage: jetstream.FileStorage}); err != nil {
		fail(err)
	}
	return func(int) (connection, func()) {
		own, publisher := open()
		return func(messages [][]byte) error {
			pending := make([]jetstream.PubAckFuture, len(messages))
			for i, data := range messages {
				future, err := publisher.PublishAsync(name, data)
				if err != nil {
					return err
				}
				pending[i] = future
			}
			for _, future := range pending {
				select {
				case <-future.Ok():
				case err := <-future.Err():
					return err
				}
			}
			return nil
		}, own.Close
	}
}

// servePstest serves Go's in-memory fake of Pub/Sub for at most a minute longer than one run.
func servePstest(s settings) {
	server := pstest.NewServer()
	fmt.Println(server.Addr)
	time.Sleep(s.duration)
	server.Close()
}
