package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaPublisher produces to one partition with acks=all; the broker syncs every batch before it answers
// (flush.messages=1).
func kafkaPublisher(s settings) connector {
	topic := fmt.Sprint("load", time.Now().UnixNano())
	open := func(options ...kgo.Opt) *kgo.Client {
		client, err := kgo.NewClient(append(options, kgo.SeedBrokers(s.server))...)
		if err != nil {
			fail(err)
		}
		return client
	}
	admin := open()
	defer admin.Close()
	one, largest := "1", "8388608"
	if _, err := kadm.NewClient(admin).CreateTopic(context.Background(), 1, 1,
		map[string]*string{"flush.messages": &one, "max.message.bytes": &largest}, topic); err != nil {
		fail(err)
	}
	return func(int) (connection, func()) {
		client := open(kgo.DefaultProduceTopic(topic), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0),
			kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(4<<20))
		// The first one pays for metadata and the producer's id.
		if err := client.ProduceSync(context.Background(), &kgo.Record{Value: []byte("first")}).FirstErr(); err != nil {
			fail(err)
		}
		return func(messages [][]byte) error {
			records := make([]*kgo.Record, len(messages))
			for i, data := range messages {
				records[i] = &kgo.Record{Value: data}
			}
			return client.ProduceSync(context.Background(), records...).FirstErr()
		}, client.Close
	}
}
