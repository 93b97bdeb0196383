// Command pstest serves Google's in-memory fake until it is killed, on the port its argument names.
package main

import (
	"fmt"
	"os"

	"cloud.google.com/go/pubsub/v2/pstest"
)

func main() {
	server := pstest.NewServerWithAddress(os.Args[1])
	fmt.Println("listening on", server.Addr)
	select {}
}
