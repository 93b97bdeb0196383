// Load for Afluente and its peers: the same generator on every server, one JSON line a run. Loopback only.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// settings are the flags that the commands share.
type settings struct {
	server     string
	batch      int
	publishers int
	size       int
	duration   time.Duration
	rate       int
	topic      string
	api        string
	messages   int64
	name       string
	filled     bool
	topics     int
	windows    int
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	var s settings
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.StringVar(&s.server, "server", "127.0.0.1:8085", "HOST:PORT of the server")
	flags.IntVar(&s.batch, "batch", 100, "messages a request (NATS: a window)")
	flags.IntVar(&s.publishers, "publishers", 1, "publishers, a connection each")
	flags.IntVar(&s.size, "size", 1024, "bytes a message")
	flags.DurationVar(&s.duration, "duration", 3*time.Second, "how long")
	flags.IntVar(&s.rate, "rate", 2000, "messages/s (fresh, flood)")
	flags.StringVar(&s.topic, "topic", "", "topic (fresh, feed, flood; publish makes its own)")
	flags.StringVar(&s.api, "api", "", "URL whose answer's first row holds `seen`, the highest n stored (fresh); of the HTTP door (flood)")
	flags.Int64Var(&s.messages, "messages", 100000, "messages in all (feed, fill, drain, endure), cycles (churn)")
	flags.StringVar(&s.name, "name", "", "name of topic and subscription (fill, drain; else its own), of the stream (feed-nats)")
	flags.BoolVar(&s.filled, "filled", false, "drain: an earlier fill made the backlog")
	flags.IntVar(&s.topics, "topics", 1, "topics to publish to in turn, a subscription each (spread)")
	flags.IntVar(&s.windows, "windows", 20, "parts of a run whose latencies are told apart (endure, churn)")
	flags.Parse(os.Args[2:])
	requireLoopback(s.server)
	if s.duration > time.Minute {
		fail(fmt.Errorf("-duration is at most a minute"))
	}
	switch os.Args[1] {
	case "publish":
		print(measurePublish(s, pubsubPublisher(s)))
	case "bare":
		print(measurePublish(s, bareCaller(s)))
	case "nats":
		print(measurePublish(s, natsPublisher(s)))
	case "redis":
		print(measurePublish(s, redisPublisher(s)))
	case "kafka":
		print(measurePublish(s, kafkaPublisher(s)))
	case "pstest":
		servePstest(s)
	case "fresh":
		print(measureFreshness(s))
	case "feed":
		print(measureFeed(s, false))
	case "feed-nats":
		print(measureFeed(s, true))
	case "flood":
		print(measureFlood(s))
	case "function":
		serveFunction(s)
	case "fill":
		print(measureFill(s))
	case "drain":
		print(measureDrain(s))
	case "latency":
		print(measureLatency(s))
	case "spread":
		print(measureSpread(s))
	case "endure":
		print(measureEndurance(s))
	case "churn":
		print(measureChurn(s))
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: load publish|bare|nats|redis|kafka|pstest|fresh|feed|feed-nats|flood|function|fill|drain|latency|spread|endure|churn [flags]; load publish -h lists them")
	os.Exit(2)
}

func requireLoopback(server string) {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		fail(err)
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		fail(fmt.Errorf("%s is not on loopback", server))
	}
}

func print(result map[string]any) {
	line, err := json.Marshal(result)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}
