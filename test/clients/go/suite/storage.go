package main

import (
	"fmt"
	"os"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"cloud.google.com/go/bigquery/storage/managedwriter"
	"cloud.google.com/go/bigquery/storage/managedwriter/adapt"
	"google.golang.org/api/option"
	"google.golang.org/protobuf/encoding/protojson"
	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

func init() {
	add("bq-storage-write", bqStorageWrite)
	add("bq-storage-read", bqStorageRead)
}

// written makes a table and a writer's message type for it.
func (s *session) written(set *bigquery.Dataset) (string, protoreflect.MessageDescriptor) {
	schema := bigquery.Schema{{Name: "id", Type: bigquery.IntegerFieldType}, {Name: "name", Type: bigquery.StringFieldType}}
	must(set.Table("t").Create(s.ctx, &bigquery.TableMetadata{Schema: schema}))
	storage := get(adapt.BQSchemaToStorageTableSchema(schema))
	message := get(adapt.StorageSchemaToProto2Descriptor(storage, "row")).(protoreflect.MessageDescriptor)
	return fmt.Sprintf("projects/%s/datasets/%s/tables/t", os.Getenv("PUBSUB_PROJECT_ID"), set.DatasetID), message
}

func rowBytes(message protoreflect.MessageDescriptor, ids ...int) (rows [][]byte) {
	for _, id := range ids {
		row := dynamicpb.NewMessage(message)
		must(protojson.Unmarshal(fmt.Appendf(nil, `{"id": %d, "name": "n%d"}`, id, id), row))
		rows = append(rows, get(protobuf.Marshal(row)))
	}
	return rows
}

func bqStorageWrite(s *session) {
	set := s.dataset()
	table, message := s.written(set)
	descriptor := get(adapt.NormalizeDescriptor(message))
	client := get(managedwriter.NewClient(s.ctx, os.Getenv("PUBSUB_PROJECT_ID"), storageOptions()...))
	defer client.Close()
	open := func(kind managedwriter.StreamType) *managedwriter.ManagedStream {
		return get(client.NewManagedStream(s.ctx, managedwriter.WithDestinationTable(table), managedwriter.WithType(kind),
			managedwriter.WithSchemaDescriptor(descriptor)))
	}
	standing := open(managedwriter.DefaultStream)
	get(get(standing.AppendRows(s.ctx, rowBytes(message, 1, 2))).GetResult(s.ctx))
	standing.Close() // answers io.EOF when all went well
	committed := open(managedwriter.CommittedStream)
	first := get(committed.AppendRows(s.ctx, rowBytes(message, 3), managedwriter.WithOffset(0)))
	equal("offset", get(first.GetResult(s.ctx)), 0)
	twice := get(committed.AppendRows(s.ctx, rowBytes(message, 3), managedwriter.WithOffset(0)))
	_, err := twice.GetResult(s.ctx)
	require(err != nil, "an offset was stored twice")
	committed.Close()
	count := fmt.Sprintf("SELECT COUNT(*), SUM(id) FROM %s.t", set.DatasetID)
	equal("rows", s.rows(count), "[[3 6]]")
	pending := open(managedwriter.PendingStream)
	get(get(pending.AppendRows(s.ctx, rowBytes(message, 10, 20))).GetResult(s.ctx))
	equal("rows before the commit", s.rows(count), "[[3 6]]")
	equal("rows of the stream", get(pending.Finalize(s.ctx)), 2)
	done := get(client.BatchCommitWriteStreams(s.ctx, &storagepb.BatchCommitWriteStreamsRequest{Parent: table,
		WriteStreams: []string{pending.StreamName()}}))
	require(len(done.GetStreamErrors()) == 0 && done.GetCommitTime() != nil, "commit: %v", done)
	equal("rows after the commit", s.rows(count), "[[5 36]]")
}

// bqStorageRead reads a table and a query's destination as Arrow, which is how the client reads when it may.
func bqStorageRead(s *session) {
	set := s.dataset()
	s.rows(fmt.Sprintf("CREATE TABLE %s.t AS SELECT n, CAST(n AS STRING) AS s, [n, n + 1] AS a, NUMERIC '1.5' AS d "+
		"FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS n", set.DatasetID))
	client := get(bigquery.NewClient(s.ctx, os.Getenv("PUBSUB_PROJECT_ID"),
		option.WithEndpoint(os.Getenv("JUDGED_BIGQUERY")+"/bigquery/v2/"), option.WithoutAuthentication()))
	defer client.Close()
	must(client.EnableStorageReadClient(s.ctx, storageOptions()...))
	rows := client.Dataset(set.DatasetID).Table("t").Read(s.ctx)
	read := s.read(rows)
	require(rows.IsAccelerated(), "the client did not use the Storage Read API")
	var sum int64
	for _, row := range read {
		sum += row[0].(int64)
		equal("a row", fmt.Sprint(row[1], row[2]), fmt.Sprintf("%d[%d %d]", row[0], row[0], row[0].(int64)+1))
	}
	equal("rows and their sum", fmt.Sprint(len(read), sum), "3000 4501500")
}
