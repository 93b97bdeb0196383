package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// smallEvent is the original system's event: five fields, about 150 bytes.
func smallEvent(n int64) []byte {
	return []byte(fmt.Sprintf(`{"app_id":"app-%04d","app_department":"dep-%02d","action_id":%d,"department_id":"d-%03d","user_email":"user%05d@ltm.example"}`,
		n%1000, n%50, n, n%200, n%20000))
}

// measureFeed publishes `messages` small events to a topic that is there (or a NATS stream, which it makes) with all
// publishers, and returns when the last is acknowledged.
func measureFeed(s settings, toNats bool) map[string]any {
	connect := func() (connection, func()) { return feedTopic(s) }
	if toNats {
		open := natsPublisher(s)
		connect = func() (connection, func()) { return open(0) }
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	begin := time.Now()
	for range s.publishers {
		wait.Add(1)
		publish, closeConnection := connect()
		go func() {
			defer wait.Done()
			defer closeConnection()
			for {
				first := next.Add(int64(s.batch)) - int64(s.batch)
				if first >= s.messages {
					return
				}
				batch := make([][]byte, 0, s.batch)
				for n := first; n < min(first+int64(s.batch), s.messages); n++ {
					batch = append(batch, smallEvent(n))
				}
				if err := publish(batch); err != nil {
					fail(err)
				}
			}
		}()
	}
	wait.Wait()
	seconds := time.Since(begin).Seconds()
	return map[string]any{"messages": s.messages, "seconds": seconds, "messages_per_s": float64(s.messages) / seconds}
}

func feedTopic(s settings) (connection, func()) {
	client := dial(s)
	publisher := pubsubpb.NewPublisherClient(client)
	return func(messages [][]byte) error {
		request := &pubsubpb.PublishRequest{Topic: s.topic}
		for _, data := range messages {
			request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{Data: data})
		}
		_, err := publisher.Publish(context.Background(), request)
		return err
	}, func() { client.Close() }
}

// serveFunction is a function over HTTP: it answers a push request with its data as one row. For at most a minute.
func serveFunction(s settings) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Println(listener.Addr())
	time.AfterFunc(s.duration, func() { listener.Close() })
	http.Serve(listener, http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		var push struct {
			Message struct{ Data string }
		}
		if err := json.NewDecoder(request.Body).Decode(&push); err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		data, err := base64.StdEncoding.DecodeString(push.Message.Data)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		writer.Write(append(append([]byte{'['}, data...), ']'))
	}))
}
