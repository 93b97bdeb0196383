package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"
)

// redisPublisher appends to a Redis stream: a batch is one pipeline of XADD commands, answered when all are.
func redisPublisher(s settings) connector {
	stream := fmt.Sprint("load", time.Now().UnixNano())
	return func(int) (connection, func()) {
		own, err := net.Dial("tcp", s.server)
		if err != nil {
			fail(err)
		}
		out, in := bufio.NewWriterSize(own, 1<<16), bufio.NewReaderSize(own, 1<<16)
		return func(messages [][]byte) error {
			// Written and read at once: neither side's buffer holds a large pipeline.
			written := make(chan error, 1)
			go func() {
				for _, data := range messages {
					fmt.Fprintf(out, "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$4\r\ndata\r\n$%d\r\n", len(stream), stream, len(data))
					out.Write(data)
					out.WriteString("\r\n")
				}
				written <- out.Flush()
			}()
			for range messages {
				head, err := in.ReadString('\n')
				if err != nil {
					return err
				}
				if !strings.HasPrefix(head, "$") {
					return fmt.Errorf("redis: %s", strings.TrimSpace(head))
				}
				if _, err := in.ReadString('\n'); err != nil {
					return err
				}
			}
			return <-written
		}, func() { own.Close() }
	}
}
