import com.google.api.core.ApiFuture;
import com.google.api.gax.core.NoCredentialsProvider;
import com.google.api.gax.grpc.GrpcTransportChannel;
import com.google.api.gax.rpc.FixedTransportChannelProvider;
import com.google.api.gax.rpc.TransportChannelProvider;
import com.google.cloud.bigquery.storage.v1.AppendRowsResponse;
import com.google.cloud.bigquery.storage.v1.BatchCommitWriteStreamsRequest;
import com.google.cloud.bigquery.storage.v1.BatchCommitWriteStreamsResponse;
import com.google.cloud.bigquery.storage.v1.BigQueryReadClient;
import com.google.cloud.bigquery.storage.v1.BigQueryReadSettings;
import com.google.cloud.bigquery.storage.v1.BigQueryWriteClient;
import com.google.cloud.bigquery.storage.v1.BigQueryWriteSettings;
import com.google.cloud.bigquery.storage.v1.CreateReadSessionRequest;
import com.google.cloud.bigquery.storage.v1.DataFormat;
import com.google.cloud.bigquery.storage.v1.Exceptions;
import com.google.cloud.bigquery.storage.v1.JsonStreamWriter;
import com.google.cloud.bigquery.storage.v1.ReadRowsRequest;
import com.google.cloud.bigquery.storage.v1.ReadRowsResponse;
import com.google.cloud.bigquery.storage.v1.ReadSession;
import com.google.cloud.bigquery.storage.v1.WriteStream;
import com.google.common.collect.ImmutableList;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.json.JSONArray;
import org.json.JSONObject;

/** BigQuery's Storage door, by google-cloud-bigquerystorage: its JsonStreamWriter and its reader. */
final class Storage {
  private Storage() {}

  static void addTo(Map<String, Suite.Scenario> scenarios) {
    scenarios.put("bq-storage-write", s -> write());
    scenarios.put("bq-storage-read", s -> read());
  }

  private static TransportChannelProvider channels() {
    ManagedChannel channel = ManagedChannelBuilder.forTarget(System.getenv("JUDGED_STORAGE")).usePlaintext().build();
    return FixedTransportChannelProvider.create(GrpcTransportChannel.create(channel));
  }

  private static String table(String dataset) {
    return "projects/" + Warehouse.PROJECT + "/datasets/" + dataset + "/tables/t";
  }

  private static JSONArray rows(int... ids) {
    JSONArray rows = new JSONArray();
    for (int id : ids) {
      rows.put(new JSONObject().put("id", id).put("name", "n" + id).put("tags", new JSONArray().put("x").put("y"))
          .put("price", "1.25").put("moment", "2024-02-29T01:02:03.5Z").put("point", new JSONObject().put("x", 0.5)));
    }
    return rows;
  }

  private static void write() throws Exception {
    String set = Warehouse.dataset();
    Warehouse.rows("CREATE TABLE " + set + ".t (id INT64, name STRING, tags ARRAY<STRING>, price NUMERIC, "
        + "moment TIMESTAMP, point STRUCT<x FLOAT64>)");
    String count = "SELECT COUNT(*), SUM(id) FROM " + set + ".t";
    try (BigQueryWriteClient client = BigQueryWriteClient.create(BigQueryWriteSettings.newBuilder()
        .setTransportChannelProvider(channels()).setCredentialsProvider(NoCredentialsProvider.create()).build())) {
      try (JsonStreamWriter standing = JsonStreamWriter.newBuilder(table(set), client).build()) {
        standing.append(rows(1, 2)).get();
      }
      Session.equal("a row", Warehouse.text(Warehouse.rows("SELECT name, tags, price, FORMAT_TIMESTAMP('%FT%R', moment), "
          + "point.x FROM " + set + ".t WHERE id = 1")), "n1,[x,y],1.25,2024-02-29T01:02,0.5");
      WriteStream committed = client.createWriteStream(table(set),
          WriteStream.newBuilder().setType(WriteStream.Type.COMMITTED).build());
      try (JsonStreamWriter writer = JsonStreamWriter.newBuilder(committed.getName(), client).build()) {
        ApiFuture<AppendRowsResponse> first = writer.append(rows(3), 0);
        Session.equal("offset", first.get().getAppendResult().getOffset().getValue(), 0L);
        twice(writer);
      }
      WriteStream pending = client.createWriteStream(table(set),
          WriteStream.newBuilder().setType(WriteStream.Type.PENDING).build());
      try (JsonStreamWriter writer = JsonStreamWriter.newBuilder(pending.getName(), client).build()) {
        writer.append(rows(10, 20), 0).get();
      }
      Session.equal("rows before the commit", Warehouse.text(Warehouse.rows(count)), "3,6");
      client.finalizeWriteStream(pending.getName());
      BatchCommitWriteStreamsResponse done = client.batchCommitWriteStreams(BatchCommitWriteStreamsRequest.newBuilder()
          .setParent(table(set)).addWriteStreams(pending.getName()).build());
      Session.equal("commit", done.hasCommitTime() && done.getStreamErrorsCount() == 0, true);
      Session.equal("rows after the commit", Warehouse.text(Warehouse.rows(count)), "5,36");
    }
  }

  private static void twice(JsonStreamWriter writer) throws Exception {
    try {
      writer.append(rows(3), 0).get();
    } catch (ExecutionException error) {
      Session.require(error.getCause() instanceof Exceptions.OffsetAlreadyExists, "an offset twice: " + error.getCause());
      return;
    }
    throw new Session.Wrong("an offset was stored twice");
  }

  private static void read() throws Exception {
    String set = Warehouse.dataset();
    Warehouse.rows("CREATE TABLE " + set + ".t AS SELECT n, CAST(n AS STRING) AS s FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS n");
    try (BigQueryReadClient client = BigQueryReadClient.create(BigQueryReadSettings.newBuilder()
        .setTransportChannelProvider(channels()).setCredentialsProvider(NoCredentialsProvider.create()).build())) {
      for (DataFormat format : ImmutableList.of(DataFormat.ARROW, DataFormat.AVRO)) {
        ReadSession.TableReadOptions options = ReadSession.TableReadOptions.newBuilder().addSelectedFields("n")
            .setRowRestriction("n > 1000").build();
        ReadSession session = client.createReadSession(CreateReadSessionRequest.newBuilder()
            .setParent("projects/" + Warehouse.PROJECT).setMaxStreamCount(1).setReadSession(ReadSession.newBuilder()
                .setTable(table(set)).setDataFormat(format).setReadOptions(options)).build());
        long rows = 0;
        for (ReadRowsResponse answer : client.readRowsCallable().call(
            ReadRowsRequest.newBuilder().setReadStream(session.getStreams(0).getName()).build())) {
          rows += answer.getRowCount();
        }
        Session.equal("rows as " + format, rows, 2000L);
      }
    }
  }
}
