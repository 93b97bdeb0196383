// Command suite judges the server of PUBSUB_EMULATOR_HOST with Google's Go client and prints a JSON line a feature.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2"
	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const workers = 8

// scenarios holds every feature of the suite; the files beside this one fill it.
var scenarios = map[string]func(*session){}

func add(feature string, scenario func(*session)) { scenarios[feature] = scenario }

// session holds the clients; the scenarios share it and use topics of their own.
type session struct {
	ctx     context.Context
	project string
	client  *pubsub.Client
	schemas *vkit.SchemaClient
}

func newSession(ctx context.Context) *session {
	project := os.Getenv("PUBSUB_PROJECT_ID")
	client, err := pubsub.NewClient(ctx, project)
	must(err)
	schemas, err := vkit.NewSchemaClient(ctx, option.WithEndpoint(os.Getenv("PUBSUB_EMULATOR_HOST")),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	must(err)
	return &session{ctx, "projects/" + project, client, schemas}
}

// wrong is what a scenario throws when the server did something else than Google documents.
type wrong string

func fail(format string, arguments ...any) { panic(wrong(fmt.Sprintf(format, arguments...))) }

func require(condition bool, format string, arguments ...any) {
	if !condition {
		fail(format, arguments...)
	}
}

func equal(what string, actual, expected any) {
	if a, e := fmt.Sprint(actual), fmt.Sprint(expected); a != e {
		fail("%s: %.200s instead of %.200s", what, a, e)
	}
}

// must passes a refusal on to the runner, which tells UNIMPLEMENTED from the rest.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func get[T any](value T, err error) T {
	must(err)
	return value
}

// refused checks that a call failed with the code.
func refused(what string, code codes.Code, err error) { refusedAs(what, err, code) }

// refusedAs is for what Google refuses without documenting the code.
func refusedAs(what string, err error, expected ...codes.Code) {
	actual := status.Code(err)
	if actual == codes.Unimplemented {
		panic(err)
	}
	require(err != nil, "%s: accepted instead of %v", what, expected)
	require(slices.Contains(expected, actual), "%s: %s instead of %v (%v)", what, actual, expected, err)
}

type line struct {
	Feature string `json:"feature"`
	Client  string `json:"client"`
	Result  string `json:"result"`
	Detail  string `json:"detail"`
}

func judge(s *session, feature string) (answer line) {
	answer = line{feature, "go", "ok", ""}
	defer func() {
		switch problem := recover().(type) {
		case nil:
		case wrong:
			answer.Result, answer.Detail = "wrong", string(problem)
		case error:
			answer.Result, answer.Detail = "wrong", problem.Error()
			if status.Code(problem) == codes.Unimplemented {
				answer.Result = "unimplemented"
			}
		default:
			answer.Result, answer.Detail = "wrong", fmt.Sprint(problem)
		}
		answer.Detail = strings.Join(strings.Fields(fmt.Sprintf("%.300s", answer.Detail)), " ")
	}()
	child := *s
	ctx, cancel := context.WithTimeout(s.ctx, 90*time.Second)
	defer cancel()
	child.ctx = ctx
	scenarios[feature](&child)
	return answer
}

func main() {
	features := os.Args[1:]
	if len(features) == 0 {
		for feature := range scenarios {
			features = append(features, feature)
		}
	}
	s := newSession(context.Background())
	var group sync.WaitGroup
	var mutex sync.Mutex
	slots := make(chan struct{}, workers)
	for _, feature := range features {
		if scenarios[feature] == nil {
			continue
		}
		slots <- struct{}{}
		group.Add(1)
		go func() {
			defer func() { <-slots; group.Done() }()
			answer := judge(s, feature)
			mutex.Lock()
			defer mutex.Unlock()
			must(json.NewEncoder(os.Stdout).Encode(answer))
		}()
	}
	group.Wait()
}
