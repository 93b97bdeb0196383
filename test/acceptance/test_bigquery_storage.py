"""BigQuery's Storage Write and Read APIs with Google's unmodified client, also over kill -9."""
import datetime
import decimal

import google.api_core.exceptions
import grpc
import pyarrow
import pytest
from google.cloud import bigquery_storage_v1 as storage
from google.cloud.bigquery_storage_v1 import types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SPEC = """
project: proj
topics: {Data: {}}
datasets:
  ds:
    tables:
      t:
        schema:
          - {name: id, type: INT64, mode: REQUIRED}
          - {name: name, type: STRING}
          - {name: price, type: NUMERIC}
          - {name: day, type: DATE}
          - {name: tags, type: STRING, mode: REPEATED}
      things:
        schema: [{name: n, type: INT64}, {name: s, type: STRING}]
      nested:
        schema: [{name: s, type: RECORD, fields: [{name: a, type: INT64}]}]
"""
FILES = {}
TABLE = "projects/proj/datasets/ds/tables/t"
Field = descriptor_pb2.FieldDescriptorProto


def row_type(*fields):
    """A message type of (name, type, label) and its descriptor."""
    message = descriptor_pb2.DescriptorProto(name="Row")
    for number, (name, kind, label) in enumerate(fields, 1):
        message.field.add(name=name, number=number, type=kind, label=label)
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", message_type=[message])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Row")), message


Row, DESCRIPTOR = row_type(("id", Field.TYPE_INT64, Field.LABEL_OPTIONAL), ("name", Field.TYPE_STRING, Field.LABEL_OPTIONAL),
                           ("price", Field.TYPE_STRING, Field.LABEL_OPTIONAL), ("day", Field.TYPE_INT32, Field.LABEL_OPTIONAL),
                           ("tags", Field.TYPE_STRING, Field.LABEL_REPEATED))


class Writer:
    """Google's write client; requests of one AppendRows call a list at a time."""

    def __init__(self, instance):
        self.channel = grpc.insecure_channel(instance.doors["bigquery_storage"])
        self.client = storage.BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=self.channel))

    def create(self, kind, table=TABLE):
        return self.client.create_write_stream(parent=table, write_stream=types.WriteStream(type_=kind)).name

    def append(self, stream, *batches, descriptor=DESCRIPTOR):
        """Each batch is (rows, offset or None); the answers."""
        requests = []
        for rows, offset in batches:
            data = types.AppendRowsRequest.ProtoData(rows=types.ProtoRows(serialized_rows=[r.SerializeToString() for r in rows]))
            if not requests:
                data.writer_schema = types.ProtoSchema(proto_descriptor=descriptor)
            request = types.AppendRowsRequest(write_stream=stream, proto_rows=data)
            if offset is not None:
                request.offset = offset
            requests.append(request)
        return list(self.client.append_rows(iter(requests)))


@pytest.fixture
def writer(shared):
    shared.query("DELETE FROM ds.t WHERE TRUE")
    return Writer(shared)


def rows(*ids, **more):
    return [Row(id=each, **more) for each in ids]


def stored(instance):
    return [row["id"] for row in instance.query("SELECT id FROM ds.t ORDER BY id")]


def test_the_default_stream_stores_each_type(shared, writer):
    answers = writer.append(TABLE + "/streams/_default",
                            ([Row(id=1, name="añ", price="1.25", day=19_000, tags=["a", "b"])], None))
    answers += writer.append(TABLE + "/_default", (rows(2), None))  # as Java's client names it
    assert [answer.error.message for answer in answers] == ["", ""]
    first, second = shared.query("SELECT * FROM ds.t ORDER BY id")
    assert first == {"id": 1, "name": "añ", "price": "1.25", "day": "2022-01-08", "tags": ["a", "b"]}
    assert second == {"id": 2, "name": None, "price": None, "day": None, "tags": []}


def test_an_offset_is_stored_once(shared, writer):
    stream = writer.create(types.WriteStream.Type.COMMITTED)
    answers = writer.append(stream, (rows(1, 2), 0), (rows(3), 2), (rows(3), 2), (rows(9), 7))
    assert [answer.append_result.offset for answer in answers[:2]] == [0, 2]
    assert [answer.error.code for answer in answers[2:]] == [grpc.StatusCode.ALREADY_EXISTS.value[0],
                                                             grpc.StatusCode.OUT_OF_RANGE.value[0]]
    assert stored(shared) == [1, 2, 3]
    assert writer.client.finalize_write_stream(name=stream).row_count == 3
    assert "finalized" in writer.append(stream, (rows(4), None))[0].error.message


def test_pending_rows_come_all_at_once(shared, writer):
    streams = [writer.create(types.WriteStream.Type.PENDING) for _ in range(2)]
    for number, stream in enumerate(streams):
        writer.append(stream, (rows(10 * number, 10 * number + 1), 0))
    refused = writer.client.batch_commit_write_streams({"parent": TABLE, "write_streams": streams})
    assert [error.code for error in refused.stream_errors] == [types.StorageError.StorageErrorCode.INVALID_STREAM_STATE] * 2
    assert stored(shared) == []
    for stream in streams:
        writer.client.finalize_write_stream(name=stream)
    done = writer.client.batch_commit_write_streams({"parent": TABLE, "write_streams": streams})
    assert not done.stream_errors and done.commit_time
    assert stored(shared) == [0, 1, 10, 11]
    again = writer.client.batch_commit_write_streams({"parent": TABLE, "write_streams": streams})
    assert again.stream_errors[0].code == types.StorageError.StorageErrorCode.STREAM_ALREADY_COMMITTED


def test_buffered_rows_show_as_far_as_they_are_flushed(shared, writer):
    stream = writer.create(types.WriteStream.Type.BUFFERED)
    writer.append(stream, (rows(1, 2, 3), 0), (rows(4, 5), 3))
    assert stored(shared) == []
    assert writer.client.flush_rows({"write_stream": stream, "offset": 1}).offset == 1
    assert stored(shared) == [1, 2]
    writer.client.flush_rows({"write_stream": stream, "offset": 4})
    assert stored(shared) == [1, 2, 3, 4, 5]
    with pytest.raises(google.api_core.exceptions.OutOfRange):
        writer.client.flush_rows({"write_stream": stream, "offset": 5})


def test_what_does_not_fit_is_named_and_not_stored(shared, writer):
    other, descriptor = row_type(("id", Field.TYPE_INT64, Field.LABEL_OPTIONAL), ("colour", Field.TYPE_STRING, Field.LABEL_OPTIONAL))
    default = TABLE + "/streams/_default"
    assert "colour" in writer.append(default, ([other(id=1)], None), descriptor=descriptor)[0].error.message
    answer = writer.append(default, ([Row(id=1), Row(name="no id"), Row(id=3, price="much")], None))[0]
    assert answer.row_errors[0].index == 1 and "id" in answer.row_errors[0].message
    with pytest.raises(google.api_core.exceptions.NotFound):
        writer.create(types.WriteStream.Type.COMMITTED, table="projects/proj/datasets/ds/tables/nowhere")
    assert stored(shared) == []


def test_streams_and_offsets_survive_a_kill(launch):
    instance = launch(SPEC, {})
    writer = Writer(instance)
    committed, pending = writer.create(types.WriteStream.Type.COMMITTED), writer.create(types.WriteStream.Type.PENDING)
    for number in range(5):
        writer.append(committed, (rows(number), number))
        writer.append(pending, (rows(100 + number), number))
        instance.kill()
        instance.start(keep_ports=True)
        writer = Writer(instance)
        # Whoever does not know whether it was done asks again.
        assert writer.append(committed, (rows(number), number))[0].error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert writer.client.finalize_write_stream(name=pending).row_count == 5
    writer.client.batch_commit_write_streams({"parent": TABLE, "write_streams": [pending]})
    assert stored(instance) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]


# Reading.


def reader(instance):
    channel = grpc.insecure_channel(instance.doors["bigquery_storage"])
    return storage.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def session(client, table, data_format, streams=1, **options):
    return client.create_read_session(parent="projects/proj", read_session=types.ReadSession(
        table=f"projects/proj/datasets/ds/tables/{table}", data_format=data_format,
        read_options=types.ReadSession.TableReadOptions(**options)), max_stream_count=streams)


def test_arrow_rows_are_the_tables(shared, writer):
    writer.append(TABLE + "/streams/_default", ([Row(id=1, name="x", price="1.5", day=1, tags=["a"])], None), (rows(2), None))
    client = reader(shared)
    made = session(client, "t", types.DataFormat.ARROW)
    table = client.read_rows(made.streams[0].name).to_arrow(made).sort_by("id")
    assert table.to_pylist() == [
        {"id": 1, "name": "x", "price": decimal.Decimal("1.500000000"), "day": datetime.date(1970, 1, 2), "tags": ["a"]},
        {"id": 2, "name": None, "price": None, "day": None, "tags": []}]


def test_avro_rows_are_the_tables(shared, writer):
    writer.append(TABLE + "/streams/_default", ([Row(id=7, name="x", price="-1.5", day=1, tags=["a", "b"])], None), (rows(8), None))
    client = reader(shared)
    made = session(client, "t", types.DataFormat.AVRO)
    read = sorted(client.read_rows(made.streams[0].name).rows(made), key=lambda row: row["id"])
    assert [row["price"] for row in read] == [decimal.Decimal("-1.5"), None]
    assert [row["tags"] for row in read] == [["a", "b"], []]


def test_columns_and_rows_are_selected(shared, writer):
    writer.append(TABLE + "/streams/_default", ([Row(id=1, name="x"), Row(id=2, name="y")], None))
    client = reader(shared)
    made = session(client, "t", types.DataFormat.ARROW, selected_fields=["name"], row_restriction='id > 1 AND name != "z"')
    assert client.read_rows(made.streams[0].name).to_arrow(made).to_pylist() == [{"name": "y"}]
    for bad in ("id >", "1 = 1) UNION ALL SELECT 'x' FROM ds.things WHERE (TRUE", "id IN (SELECT n FROM ds.things)"):
        with pytest.raises(google.api_core.exceptions.InvalidArgument):
            session(client, "t", types.DataFormat.ARROW, selected_fields=["name"], row_restriction=bad)
    with pytest.raises(google.api_core.exceptions.NotFound):
        session(client, "nowhere", types.DataFormat.ARROW)


def test_streams_share_one_moment_and_begin_again(shared):
    shared.query("DELETE FROM ds.things WHERE TRUE")
    shared.query("INSERT INTO ds.things (n, s) SELECT n, CAST(n AS STRING) FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS n")
    client = reader(shared)
    made = session(client, "things", types.DataFormat.ARROW, streams=4)
    assert len(made.streams) == 4
    shared.query("DELETE FROM ds.things WHERE TRUE")
    seen = []
    for stream in made.streams:
        batches = list(client.read_rows(stream.name).rows(made).pages)
        counts = [page.num_items for page in batches]
        seen += [row["n"].as_py() for page in batches for row in page]
        again = client.read_rows(stream.name, offset=counts[0])
        assert sum(page.num_items for page in again.rows(made).pages) == sum(counts[1:])
    assert sorted(seen) == list(range(1, 100_001))
    with pytest.raises(google.api_core.exceptions.NotFound):
        list(client.read_rows(made.name + "/streams/99"))


def test_arrow_rows_are_refused_by_name(shared, writer):
    stream = TABLE + "/streams/_default"
    one = pyarrow.table({"id": pyarrow.array([1], pyarrow.int64())})
    data = types.AppendRowsRequest.ArrowData(
        writer_schema=types.ArrowSchema(serialized_schema=one.schema.serialize().to_pybytes()),
        rows=types.ArrowRecordBatch(serialized_record_batch=one.to_batches()[0].serialize().to_pybytes()))
    (answer,) = writer.client.append_rows(iter([types.AppendRowsRequest(write_stream=stream, arrow_rows=data)]))
    assert answer.error.code == grpc.StatusCode.UNIMPLEMENTED.value[0] and "arrow_rows" in answer.error.message


def test_the_schema_comes_with_the_stream(writer):
    made = writer.client.create_write_stream(parent=TABLE, write_stream=types.WriteStream(type_="PENDING"))
    full = writer.client.get_write_stream({"name": TABLE + "/streams/_default", "view": types.WriteStreamView.FULL})
    for stream in (made, full):
        assert [(f.name, f.type_.name, f.mode.name) for f in stream.table_schema.fields] == [
            ("id", "INT64", "REQUIRED"), ("name", "STRING", "NULLABLE"), ("price", "NUMERIC", "NULLABLE"),
            ("day", "DATE", "NULLABLE"), ("tags", "STRING", "REPEATED")]
    assert not writer.client.get_write_stream({"name": made.name}).table_schema.fields
