// The best peer's pipeline: a NATS JetStream consumer that appends rows to DuckDB, one commit a batch, and
// acknowledges after it. Usage: pipe DATABASE NATS-URL STREAM BATCH ROWS; prints one JSON line.
package main

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const table = "CREATE TABLE events (app_id VARCHAR, app_department VARCHAR, action_id BIGINT, department_id VARCHAR, user_email VARCHAR)"

type event struct {
	App        string `json:"app_id"`
	Department string `json:"app_department"`
	Action     int64  `json:"action_id"`
	Place      string `json:"department_id"`
	Email      string `json:"user_email"`
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pipe:", err)
		os.Exit(1)
	}
	return value
}

func main() {
	path, url, stream := os.Args[1], os.Args[2], os.Args[3]
	batch, wanted := must(strconv.Atoi(os.Args[4])), must(strconv.Atoi(os.Args[5]))
	ctx := context.Background()
	connector := must(duckdb.NewConnector(path, func(driver.ExecerContext) error { return nil }))
	connection := must(connector.Connect(ctx))
	must(connection.(driver.ExecerContext).ExecContext(ctx, table, nil))
	appender := must(duckdb.NewAppenderFromConn(connection, "", "events"))
	js := must(jetstream.New(must(nats.Connect(url))))
	consumer := must(js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: "pipe", AckPolicy: jetstream.AckAllPolicy, MaxAckPending: 100000}))
	fmt.Fprintln(os.Stderr, "ready")
	var begin time.Time
	rows, commits := 0, 0
	for rows < wanted {
		fetched := must(consumer.Fetch(batch, jetstream.FetchMaxWait(5*time.Second)))
		var last jetstream.Msg
		for message := range fetched.Messages() {
			if begin.IsZero() {
				begin = time.Now()
			}
			var e event
			must(0, json.Unmarshal(message.Data(), &e))
			must(0, appender.AppendRow(e.App, e.Department, e.Action, e.Place, e.Email))
			rows++
			last = message
		}
		if last == nil {
			continue
		}
		must(0, appender.Flush()) // commits by itself: DuckDB's log is written and synced
		must(0, last.Ack())
		commits++
	}
	line := must(json.Marshal(map[string]any{"rows": rows, "commits": commits,
		"rows_per_s": float64(rows) / time.Since(begin).Seconds()}))
	fmt.Println(string(line))
}
