package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// measureFreshness publishes at a steady rate and asks the API again and again for the highest number stored: a
// message's freshness is the time from the reply to its publish to the first answer that shows it.
func measureFreshness(s settings) map[string]any {
	client := dial(s)
	defer client.Close()
	publisher := pubsubpb.NewPublisherClient(client)
	var mutex sync.Mutex
	replied := map[int64]time.Time{}
	base := time.Now().UnixNano()
	total := int64(float64(s.rate) * s.duration.Seconds())
	slots := make(chan struct{}, 256)
	go func() {
		begin := time.Now()
		for n := int64(0); n < total; n += int64(s.batch) {
			due := begin.Add(time.Duration(float64(n) / float64(s.rate) * float64(time.Second)))
			time.Sleep(time.Until(due))
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				request := &pubsubpb.PublishRequest{Topic: s.topic}
				for k := int64(0); k < int64(s.batch); k++ {
					request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{
						Data: []byte(fmt.Sprintf(`{"n": %d}`, base+n+k))})
				}
				if _, err := publisher.Publish(context.Background(), request); err != nil {
					fail(err)
				}
				mutex.Lock()
				for k := int64(0); k < int64(s.batch); k++ {
					replied[base+n+k] = time.Now()
				}
				mutex.Unlock()
			}()
		}
	}()
	var waits []time.Duration
	polls := 0
	stop := time.Now().Add(s.duration + 10*time.Second)
	for int64(len(waits)) < total && time.Now().Before(stop) {
		seen := highestStored(s.api)
		now := time.Now()
		polls++
		mutex.Lock()
		for n, at := range replied {
			if n <= seen {
				waits = append(waits, max(0, now.Sub(at)))
				delete(replied, n)
			}
		}
		mutex.Unlock()
	}
	return map[string]any{"rate": s.rate, "messages": len(waits), "missing": total - int64(len(waits)), "polls": polls,
		"p50_ms": percentile(waits, 0.50), "p99_ms": percentile(waits, 0.99)}
}

func highestStored(url string) int64 {
	answer, err := http.Get(url)
	if err != nil {
		fail(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		fail(fmt.Errorf("%s: %s %s", url, answer.Status, body))
	}
	var page struct {
		Rows []struct {
			Seen *int64 `json:"seen"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		fail(err)
	}
	if len(page.Rows) == 0 || page.Rows[0].Seen == nil {
		return 0
	}
	return *page.Rows[0].Seen
}
