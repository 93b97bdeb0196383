package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Requests that may be open at once: beyond it the generator waits, as clients do that run out of memory.
const floodOpen = 2000

// measureFlood offers `rate` small events a second for `duration` to the Pub/Sub door and, with -api, the same to that
// URL of the HTTP door, whatever the answers are. It counts what was acknowledged, refused by name, and what had no
// answer; anything else ends it. action_id tells the events apart.
func measureFlood(s settings) map[string]any {
	var acknowledged, refused, unanswered, withoutRetryAfter, next atomic.Int64
	next.Store(time.Now().UnixMicro() * 1000)
	client := dial(s)
	defer client.Close()
	publisher := pubsubpb.NewPublisherClient(client)
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256}, Timeout: 60 * time.Second}
	count := func(counter *atomic.Int64) { counter.Add(int64(s.batch)) }
	events := func() [][]byte {
		first := next.Add(int64(s.batch)) - int64(s.batch)
		made := make([][]byte, s.batch)
		for i := range made {
			made[i] = smallEvent(first + int64(i))
		}
		return made
	}
	byPubsub := func() {
		request := &pubsubpb.PublishRequest{Topic: s.topic}
		for _, data := range events() {
			request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{Data: data})
		}
		_, err := publisher.Publish(context.Background(), request)
		switch status.Code(err) {
		case codes.OK:
			count(&acknowledged)
		case codes.ResourceExhausted, codes.Unavailable:
			count(&refused)
		case codes.DeadlineExceeded, codes.Canceled:
			count(&unanswered)
		default:
			fail(err)
		}
	}
	byHTTP := func() {
		answer, err := web.Post(s.api, "application/x-ndjson", bytes.NewReader(bytes.Join(events(), []byte("\n"))))
		if err != nil {
			count(&unanswered)
			return
		}
		defer answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusAccepted:
			count(&acknowledged)
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			count(&refused)
			if answer.Header.Get("Retry-After") == "" {
				withoutRetryAfter.Add(1)
			}
		default:
			fail(fmt.Errorf("%s: %s", s.api, answer.Status))
		}
	}
	ways := []func(){byPubsub}
	if s.api != "" {
		ways = append(ways, byHTTP)
	}
	open := make(chan struct{}, floodOpen)
	var wait sync.WaitGroup
	begin := time.Now()
	offered := int64(0)
	for time.Since(begin) < s.duration {
		due := int64(time.Since(begin).Seconds() * float64(s.rate))
		if offered >= due {
			time.Sleep(time.Millisecond)
			continue
		}
		for _, way := range ways {
			open <- struct{}{}
			wait.Add(1)
			offered += int64(s.batch)
			go func() {
				defer func() { <-open; wait.Done() }()
				way()
			}()
		}
	}
	wait.Wait()
	seconds := time.Since(begin).Seconds()
	return map[string]any{"seconds": seconds, "wanted_per_s": s.rate, "offered_per_s": float64(offered) / s.duration.Seconds(), "acknowledged": acknowledged.Load(),
		"refused": refused.Load(), "unanswered": unanswered.Load(), "without_retry_after": withoutRetryAfter.Load()}
}
