package main

import (
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func init() {
	add("bq-datasets", bqDatasets)
	add("bq-tables", bqTables)
	add("bq-insert", bqInsert)
	add("bq-load", bqLoad)
	add("bq-types", bqTypes)
	add("bq-parameters", bqParameters)
	add("bq-paging", bqPaging)
	add("bq-jobs", bqJobs)
	add("bq-errors", bqErrors)
	add("bq-routines", bqRoutines)
}

var (
	datasets      atomic.Int64
	makeWarehouse sync.Once
	theWarehouse  *bigquery.Client
)

// storageOptions let Google's gRPC clients in without TLS and credentials.
func storageOptions() []option.ClientOption {
	return []option.ClientOption{option.WithEndpoint(os.Getenv("JUDGED_STORAGE")), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))}
}

// warehouse is the client of the BigQuery door; a server without one is asked for nothing.
func (s *session) warehouse() *bigquery.Client {
	makeWarehouse.Do(func() {
		theWarehouse = get(bigquery.NewClient(s.ctx, os.Getenv("PUBSUB_PROJECT_ID"),
			option.WithEndpoint(os.Getenv("JUDGED_BIGQUERY")+"/bigquery/v2/"), option.WithoutAuthentication()))
	})
	return theWarehouse
}

func (s *session) dataset() *bigquery.Dataset {
	made := s.warehouse().Dataset(fmt.Sprintf("go_%d_%d", os.Getpid(), datasets.Add(1)))
	must(made.Create(s.ctx, nil))
	return made
}

func (s *session) rows(query string, parameters ...bigquery.QueryParameter) [][]bigquery.Value {
	asked := s.warehouse().Query(query)
	asked.Parameters = parameters
	return s.read(get(asked.Read(s.ctx)))
}

func (s *session) read(rows *bigquery.RowIterator) [][]bigquery.Value {
	return all(func() ([]bigquery.Value, error) {
		var row []bigquery.Value
		return row, rows.Next(&row)
	})
}

// refusedFor checks the HTTP status and the reason that Google gives.
func refusedFor(what string, code int, reason string, err error) {
	require(err != nil, "%s: accepted instead of %d", what, code)
	var answer *googleapi.Error
	var ofJob *bigquery.Error
	switch {
	case errors.As(err, &answer) && len(answer.Errors) > 0:
		equal(what, fmt.Sprint(answer.Code, answer.Errors[0].Reason), fmt.Sprint(code, reason))
	case errors.As(err, &ofJob):
		equal(what, ofJob.Reason, reason)
	default:
		fail("%s: %v instead of %d %s", what, err, code, reason)
	}
}

func bqDatasets(s *session) {
	made := s.dataset()
	update := bigquery.DatasetMetadataToUpdate{Description: "of the suite"}
	update.SetLabel("team", "go")
	before := get(made.Metadata(s.ctx))
	changed := get(made.Update(s.ctx, update, before.ETag))
	equal("metadata", fmt.Sprint(changed.Description, changed.Labels, changed.Location), "of the suitemap[team:go]US")
	_, err := made.Update(s.ctx, update, before.ETag)
	refusedFor("a stale ETag", 412, "conditionNotMet", err)
	listing := s.warehouse().Datasets(s.ctx)
	listing.Filter = "labels.team:go"
	found := slices.ContainsFunc(all(listing.Next), func(d *bigquery.Dataset) bool { return d.DatasetID == made.DatasetID })
	require(found, "Datasets lacks it")
	refusedFor("again", 409, "duplicate", made.Create(s.ctx, nil))
	must(made.Delete(s.ctx))
	_, err = made.Metadata(s.ctx)
	refusedFor("deleted", 404, "notFound", err)
}

func bqTables(s *session) {
	set := s.dataset()
	schema := bigquery.Schema{{Name: "id", Type: bigquery.IntegerFieldType, Required: true},
		{Name: "day", Type: bigquery.DateFieldType}, {Name: "tags", Type: bigquery.StringFieldType, Repeated: true},
		{Name: "point", Type: bigquery.RecordFieldType, Schema: bigquery.Schema{{Name: "x", Type: bigquery.FloatFieldType}}}}
	table := set.Table("events")
	must(table.Create(s.ctx, &bigquery.TableMetadata{Schema: schema, Description: "events",
		TimePartitioning: &bigquery.TimePartitioning{Type: bigquery.DayPartitioningType, Field: "day"},
		Clustering:       &bigquery.Clustering{Fields: []string{"id"}}}))
	metadata := get(table.Metadata(s.ctx))
	equal("layout", fmt.Sprint(metadata.TimePartitioning.Field, metadata.Clustering.Fields, metadata.Type), "day[id]TABLE")
	equal("fields", len(metadata.Schema), 4)
	more := append(metadata.Schema, &bigquery.FieldSchema{Name: "more", Type: bigquery.StringFieldType})
	changed := get(table.Update(s.ctx, bigquery.TableMetadataToUpdate{Schema: more, Description: "changed"}, metadata.ETag))
	equal("after Update", fmt.Sprint(changed.Description, len(changed.Schema)), "changed5")
	view := set.Table("v")
	must(view.Create(s.ctx, &bigquery.TableMetadata{ViewQuery: "SELECT id FROM `" + set.DatasetID + ".events`"}))
	equal("the view", get(view.Metadata(s.ctx)).Type, bigquery.ViewTable)
	equal("Tables", len(all(set.Tables(s.ctx).Next)), 2)
	refusedFor("a dataset with tables", 400, "resourceInUse", set.Delete(s.ctx))
	must(view.Delete(s.ctx))
	must(set.DeleteWithContents(s.ctx))
	_, err := table.Metadata(s.ctx)
	refusedFor("deleted", 404, "notFound", err)
}

func bqInsert(s *session) {
	set := s.dataset()
	table := set.Table("t")
	schema := bigquery.Schema{{Name: "id", Type: bigquery.IntegerFieldType}, {Name: "name", Type: bigquery.StringFieldType}}
	must(table.Create(s.ctx, &bigquery.TableMetadata{Schema: schema}))
	row := func(insertID string, id any) *bigquery.ValuesSaver {
		return &bigquery.ValuesSaver{Schema: schema, InsertID: insertID, Row: []bigquery.Value{id, "x"}}
	}
	inserter := table.Inserter()
	must(inserter.Put(s.ctx, []*bigquery.ValuesSaver{row("a", 1), row("b", 2)}))
	must(inserter.Put(s.ctx, []*bigquery.ValuesSaver{row("b", 2), row("c", 3)}))
	names := fmt.Sprintf("SELECT id FROM %s.t ORDER BY id", set.DatasetID)
	equal("rows", s.rows(names), "[[1] [2] [3]]")
	err := inserter.Put(s.ctx, []*bigquery.ValuesSaver{row("d", 4), row("e", "no")})
	var several bigquery.PutMultiError
	require(errors.As(err, &several), "a bad row: %v", err)
	inserter.SkipInvalidRows = true
	err = inserter.Put(s.ctx, []*bigquery.ValuesSaver{row("f", 5), row("g", "no")})
	require(errors.As(err, &several) && len(several) == 1 && several[0].RowIndex == 1, "skipInvalidRows: %v", err)
	equal("rows after bad ones", s.rows(names), "[[1] [2] [3] [5]]")
}

func bqLoad(s *session) {
	set := s.dataset()
	load := func(text string, prepare func(*bigquery.ReaderSource, *bigquery.Loader)) error {
		source := bigquery.NewReaderSource(strings.NewReader(text))
		loader := set.Table("loaded").LoaderFrom(source)
		prepare(source, loader)
		return get(get(loader.Run(s.ctx)).Wait(s.ctx)).Err()
	}
	parquet := string(get(os.ReadFile(os.Getenv("JUDGED_PARQUET"))))
	must(load(parquet, func(source *bigquery.ReaderSource, _ *bigquery.Loader) { source.SourceFormat = bigquery.Parquet }))
	ndjson := func(source *bigquery.ReaderSource, _ *bigquery.Loader) { source.SourceFormat = bigquery.JSON }
	must(load("{\"id\": 3, \"name\": \"c\"}\n", ndjson))
	must(load("id,name\n4,\"e, f\"\n", func(source *bigquery.ReaderSource, _ *bigquery.Loader) { source.SkipLeadingRows = 1 }))
	must(load("{\"id\": 5, \"extra\": true}\n", func(source *bigquery.ReaderSource, loader *bigquery.Loader) {
		source.SourceFormat = bigquery.JSON
		source.AutoDetect = true
		loader.SchemaUpdateOptions = []string{"ALLOW_FIELD_ADDITION"}
	}))
	equal("rows", s.rows(fmt.Sprintf("SELECT id, name, extra FROM %s.loaded ORDER BY id", set.DatasetID)),
		"[[1 a <nil>] [2 <nil> <nil>] [3 c <nil>] [4 e, f <nil>] [5 <nil> true]]")
	refusedFor("a broken file", 400, "invalid", load("{\"id\": 6}\n{\"id\": \"seven\"}\n", ndjson))
	// Larger than one chunk: the client sends it in parts that the server puts together.
	large := strings.Repeat("{\"id\": 9, \"name\": \""+strings.Repeat("n", 1000)+"\"}\n", 18_000)
	must(load(large, ndjson))
	equal("rows of a resumable upload", s.rows(fmt.Sprintf("SELECT COUNT(*) FROM %s.loaded WHERE id = 9", set.DatasetID)),
		"[[18000]]")
}

func bqTypes(s *session) {
	row := s.rows(`SELECT 1 AS i, 1.5 AS f, TRUE AS b, 'é"' AS s, b'\x00\xff' AS y, NUMERIC '1.25' AS n,
		BIGNUMERIC '1e-30' AS bn, DATE '2024-02-29' AS d, TIME '12:34:56.789' AS t,
		DATETIME '2024-02-29T01:02:03' AS dt, TIMESTAMP '2024-02-29 01:02:03.456789+00' AS ts, JSON '{"a":[1]}' AS j,
		CAST(NULL AS STRING) AS z, [1, 2] AS a, STRUCT(1 AS x, ['p'] AS y) AS st,
		INTERVAL '1-2 3 4:5:6' YEAR TO SECOND AS iv, RANGE(DATE '2024-01-01', NULL) AS r`)[0]
	equal("scalars", row[:5], "[1 1.5 true é\" [0 255]]")
	equal("decimals", fmt.Sprint(row[5].(*big.Rat).FloatString(2), row[6].(*big.Rat).FloatString(30)),
		"1.250.000000000000000000000000000001")
	equal("times", fmt.Sprint(row[7].(civil.Date), row[8].(civil.Time), row[9].(civil.DateTime)),
		"2024-02-29 12:34:56.789000000 2024-02-29T01:02:03")
	equal("a timestamp", row[10].(time.Time).Format(time.RFC3339Nano), "2024-02-29T01:02:03.456789Z")
	equal("the rest", row[11:15], "[{\"a\":[1]} <nil> [1 2] [1 [p]]]")
	equal("an interval", row[15].(*bigquery.IntervalValue).String(), "1-2 3 4:5:6")
	equal("a range", row[16].(*bigquery.RangeValue).Start, "2024-01-01")
}

func bqParameters(s *session) {
	type inner struct {
		P int64
		Q []float64
	}
	moment := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	named := func(name string, value any) bigquery.QueryParameter {
		return bigquery.QueryParameter{Name: name, Value: value}
	}
	row := s.rows("SELECT @i AS i, @t AS t, @n AS n, @a AS a, @s.P AS p, @s.Q AS q", named("i", 7), named("t", moment),
		named("n", bigquery.NullString{}), named("a", []string{"x", "y'; DROP"}), named("s", inner{1, []float64{0.5}}))[0]
	equal("named", row, fmt.Sprint([]any{7, moment, nil, []string{"x", "y'; DROP"}, 1, []float64{0.5}}))
	equal("positional", s.rows("SELECT ? AS a, '?' AS b, ? AS c", named("", "?"), named("", 2)), "[[? ? 2]]")
	equal("an empty array", s.rows("SELECT ARRAY_LENGTH(@a)", named("a", []int64{})), "[[0]]")
}

func bqPaging(s *session) {
	set := s.dataset()
	query := "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n ORDER BY n"
	count := func(rows *bigquery.RowIterator) (seen int64, pages int) {
		rows.PageInfo().MaxSize = 7000
		var token string
		for row := range slices.Values(s.read(rows)) {
			seen++
			equal("a row", row[0], seen)
			if rows.PageInfo().Token != token || pages == 0 {
				token = rows.PageInfo().Token
				pages++
			}
		}
		return seen, pages
	}
	seen, _ := count(get(s.warehouse().Query(query).Read(s.ctx)))
	equal("rows", seen, 25000)
	s.rows(fmt.Sprintf("CREATE TABLE %s.t AS %s", set.DatasetID, query))
	table := set.Table("t").Read(s.ctx)
	equal("rows of a table", len(s.read(table)), 25000)
	equal("TotalRows", table.TotalRows, 25000)
}

func bqJobs(s *session) {
	set := s.dataset()
	s.rows(fmt.Sprintf("CREATE TABLE %s.t AS SELECT 1 AS id, 'abc' AS name", set.DatasetID))
	dry := s.warehouse().Query(fmt.Sprintf("SELECT id FROM %s.t", set.DatasetID))
	dry.DryRun = true
	planned := get(dry.Run(s.ctx)).LastStatus().Statistics
	require(planned.TotalBytesProcessed > 0, "a dry run says no bytes")
	equal("schema of a dry run", planned.Details.(*bigquery.QueryStatistics).Schema[0].Name, "id")
	labelled := s.warehouse().Query("SELECT 1")
	labelled.Labels = map[string]string{"of": "suite"}
	job := get(labelled.Run(s.ctx))
	must(get(job.Wait(s.ctx)).Err())
	again := get(s.warehouse().JobFromID(s.ctx, job.ID()))
	config := get(again.Config()).(*bigquery.QueryConfig)
	equal("job", fmt.Sprint(again.LastStatus().State == bigquery.Done, config.Labels, config.Q), "true map[of:suite]SELECT 1")
	listed := all(s.warehouse().Jobs(s.ctx).Next)
	require(slices.ContainsFunc(listed, func(j *bigquery.Job) bool { return j.ID() == job.ID() }), "Jobs lacks it")
	slow := "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, UNNEST(GENERATE_ARRAY(1, 1000000)) b WHERE MOD(a * b, 7) = 1"
	long := get(s.warehouse().Query(slow).Run(s.ctx))
	must(long.Cancel(s.ctx))
	_, err := long.Wait(s.ctx)
	refusedFor("a cancelled job", 499, "stopped", err)
	copier := set.Table("copied").CopierFrom(set.Table("t"))
	must(get(get(copier.Run(s.ctx)).Wait(s.ctx)).Err())
	equal("copy", s.read(set.Table("copied").Read(s.ctx)), "[[1 abc]]")
}

func bqErrors(s *session) {
	set := s.dataset()
	failing := func(query string) error {
		_, err := s.warehouse().Query(query).Read(s.ctx)
		return err
	}
	refusedFor("a syntax error", 400, "invalidQuery", failing("SELEC 1"))
	refusedFor("no such table", 404, "notFound", failing("SELECT * FROM "+set.DatasetID+".nothing"))
	_, err := set.Table("nothing").Metadata(s.ctx)
	refusedFor("no such table", 404, "notFound", err)
	err = failing("SELECT ERROR('mine')")
	require(err != nil && strings.Contains(err.Error(), "mine"), "ERROR(): %v", err)
}

func bqRoutines(s *session) {
	set := s.dataset()
	int64Type := &bigquery.StandardSQLDataType{TypeKind: "INT64"}
	text := &bigquery.StandardSQLDataType{TypeKind: "STRING"}
	twice := set.Routine("twice")
	must(twice.Create(s.ctx, &bigquery.RoutineMetadata{Type: bigquery.ScalarFunctionRoutine, Language: "SQL",
		Arguments: []*bigquery.RoutineArgument{{Name: "x", DataType: int64Type}}, Body: "x * 2"}))
	must(set.Routine("shout").Create(s.ctx, &bigquery.RoutineMetadata{Type: bigquery.ScalarFunctionRoutine,
		Language: "JAVASCRIPT", Arguments: []*bigquery.RoutineArgument{{Name: "s", DataType: text}}, ReturnType: text,
		Body: "return s.toUpperCase() + \"\\\"!\";"}))
	equal("called", s.rows(fmt.Sprintf("SELECT %s.twice(4), %s.shout('a')", set.DatasetID, set.DatasetID)), "[[8 A\"!]]")
	found := get(twice.Metadata(s.ctx))
	equal("metadata", fmt.Sprint(found.Body, found.Arguments[0].DataType.TypeKind), "x * 2INT64")
	s.rows(fmt.Sprintf("CREATE PROCEDURE %s.p(IN a INT64, OUT b INT64) BEGIN SET b = a + 1; END", set.DatasetID))
	procedure := get(set.Routine("p").Metadata(s.ctx))
	equal("CREATE PROCEDURE", fmt.Sprint(procedure.Type, procedure.Arguments[1].Mode), "PROCEDUREOUT")
	equal("Routines", len(all(set.Routines(s.ctx).Next)), 3)
	changed := get(twice.Update(s.ctx, &bigquery.RoutineMetadataToUpdate{Body: "x * 3", Type: found.Type,
		Arguments: found.Arguments, Language: found.Language}, found.ETag))
	equal("after Update", changed.Body, "x * 3")
	equal("called again", s.rows(fmt.Sprintf("SELECT %s.twice(4)", set.DatasetID)), "[[12]]")
	must(twice.Delete(s.ctx))
	_, err := twice.Metadata(s.ctx)
	refusedFor("deleted", 404, "notFound", err)
}
