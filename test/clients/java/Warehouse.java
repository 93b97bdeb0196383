import com.google.cloud.NoCredentials;
import com.google.cloud.bigquery.BigQuery;
import com.google.cloud.bigquery.BigQueryError;
import com.google.cloud.bigquery.BigQueryException;
import com.google.cloud.bigquery.BigQueryOptions;
import com.google.cloud.bigquery.Clustering;
import com.google.cloud.bigquery.CopyJobConfiguration;
import com.google.cloud.bigquery.CsvOptions;
import com.google.cloud.bigquery.Dataset;
import com.google.cloud.bigquery.DatasetInfo;
import com.google.cloud.bigquery.Field;
import com.google.cloud.bigquery.FieldValue;
import com.google.cloud.bigquery.FieldValueList;
import com.google.cloud.bigquery.FormatOptions;
import com.google.cloud.bigquery.InsertAllRequest;
import com.google.cloud.bigquery.InsertAllResponse;
import com.google.cloud.bigquery.Job;
import com.google.cloud.bigquery.JobException;
import com.google.cloud.bigquery.JobInfo;
import com.google.cloud.bigquery.JobStatistics;
import com.google.cloud.bigquery.JobStatus;
import com.google.cloud.bigquery.QueryJobConfiguration;
import com.google.cloud.bigquery.QueryParameterValue;
import com.google.cloud.bigquery.Routine;
import com.google.cloud.bigquery.RoutineArgument;
import com.google.cloud.bigquery.RoutineId;
import com.google.cloud.bigquery.RoutineInfo;
import com.google.cloud.bigquery.Schema;
import com.google.cloud.bigquery.StandardSQLDataType;
import com.google.cloud.bigquery.StandardSQLTypeName;
import com.google.cloud.bigquery.StandardTableDefinition;
import com.google.cloud.bigquery.Table;
import com.google.cloud.bigquery.TableDataWriteChannel;
import com.google.cloud.bigquery.TableDefinition;
import com.google.cloud.bigquery.TableId;
import com.google.cloud.bigquery.TableInfo;
import com.google.cloud.bigquery.TableResult;
import com.google.cloud.bigquery.TimePartitioning;
import com.google.cloud.bigquery.ViewDefinition;
import com.google.cloud.bigquery.WriteChannelConfiguration;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Iterables;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/** BigQuery's REST door, by google-cloud-bigquery. */
final class Warehouse {
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final StandardSQLDataType INT64 = StandardSQLDataType.newBuilder("INT64").build();
  private static final StandardSQLDataType STRING = StandardSQLDataType.newBuilder("STRING").build();
  static final String PROJECT = System.getenv("PUBSUB_PROJECT_ID");
  private static BigQuery client;

  private Warehouse() {}

  static void addTo(Map<String, Suite.Scenario> scenarios) {
    scenarios.put("bq-datasets", s -> datasets());
    scenarios.put("bq-tables", s -> tables());
    scenarios.put("bq-insert", s -> insert());
    scenarios.put("bq-load", s -> load());
    scenarios.put("bq-types", s -> types());
    scenarios.put("bq-parameters", s -> parameters());
    scenarios.put("bq-paging", s -> paging());
    scenarios.put("bq-jobs", s -> jobs());
    scenarios.put("bq-errors", s -> errors());
    scenarios.put("bq-routines", s -> routines());
  }

  static synchronized BigQuery client() {
    if (client == null) {
      client = BigQueryOptions.newBuilder().setProjectId(PROJECT).setHost(System.getenv("JUDGED_BIGQUERY"))
          .setCredentials(NoCredentials.getInstance()).build().getService();
    }
    return client;
  }

  static String dataset() {
    String name = "java_" + ProcessHandle.current().pid() + "_" + COUNT.incrementAndGet();
    client().create(DatasetInfo.of(name));
    return name;
  }

  static List<FieldValueList> rows(String query) throws Exception {
    return rows(QueryJobConfiguration.of(query));
  }

  static List<FieldValueList> rows(QueryJobConfiguration query) throws Exception {
    return ImmutableList.copyOf(client().query(query).iterateAll());
  }

  /** The rows as text, a line a row. */
  static String text(Iterable<FieldValueList> rows) {
    List<String> lines = new ArrayList<>();
    for (FieldValueList row : rows) {
      lines.add(row.stream().map(Warehouse::text).collect(Collectors.joining(",")));
    }
    return String.join(" | ", lines);
  }

  private static String text(FieldValue value) {
    if (value.isNull()) {
      return "null";
    }
    if (value.getValue() instanceof List) {
      return value.getRepeatedValue().stream().map(Warehouse::text).collect(Collectors.joining(",", "[", "]"));
    }
    return value.getValue().toString();
  }

  static void refused(String what, int code, String reason, Session.Call call) throws Exception {
    try {
      call.run();
    } catch (BigQueryException error) {
      String found = error.getError() == null ? null : error.getError().getReason();
      Session.equal(what, error.getCode() + " " + found, code + " " + reason);
      return;
    } catch (JobException error) {
      Session.equal(what, error.getErrors().get(0).getReason(), reason);
      return;
    }
    throw new Session.Wrong(what + ": accepted instead of " + code);
  }

  private static void datasets() throws Exception {
    String name = dataset();
    Dataset made = client().getDataset(name);
    Dataset changed = made.toBuilder().setDescription("of the suite").setLabels(ImmutableMap.of("team", "java")).build()
        .update();
    Session.equal("metadata", changed.getDescription() + changed.getLabels() + changed.getLocation(),
        "of the suite{team=java}US");
    boolean listed = Iterables.any(client().listDatasets(BigQuery.DatasetListOption.labelFilter("labels.team:java"))
        .iterateAll(), d -> d.getDatasetId().getDataset().equals(name));
    Session.require(listed, "listDatasets lacks it");
    refused("again", 409, "duplicate", () -> client().create(DatasetInfo.of(name)));
    Session.equal("delete", client().delete(name), true);
    Session.equal("delete again", client().delete(name), false);
    Session.equal("get after delete", client().getDataset(name), null);
  }

  private static void tables() throws Exception {
    String set = dataset();
    Schema schema = Schema.of(
        Field.newBuilder("id", StandardSQLTypeName.INT64).setMode(Field.Mode.REQUIRED).build(),
        Field.of("day", StandardSQLTypeName.DATE),
        Field.newBuilder("tags", StandardSQLTypeName.STRING).setMode(Field.Mode.REPEATED).build(),
        Field.of("point", StandardSQLTypeName.STRUCT, Field.of("x", StandardSQLTypeName.FLOAT64)));
    StandardTableDefinition layout = StandardTableDefinition.newBuilder().setSchema(schema)
        .setTimePartitioning(TimePartitioning.newBuilder(TimePartitioning.Type.DAY).setField("day").build())
        .setClustering(Clustering.newBuilder().setFields(ImmutableList.of("id")).build()).build();
    client().create(TableInfo.newBuilder(TableId.of(set, "events"), layout).setDescription("events").build());
    Table table = client().getTable(set, "events");
    StandardTableDefinition found = table.getDefinition();
    Session.equal("layout", found.getTimePartitioning().getField() + found.getClustering().getFields(), "day[id]");
    Session.equal("fields", found.getSchema().getFields().stream().map(f -> f.getName() + " " + f.getType().getStandardType())
        .collect(Collectors.joining(",")), "id INT64,day DATE,tags STRING,point STRUCT");
    List<Field> more = new ArrayList<>(found.getSchema().getFields());
    more.add(Field.of("more", StandardSQLTypeName.STRING));
    Table changed = table.toBuilder().setDescription("changed")
        .setDefinition(found.toBuilder().setSchema(Schema.of(more)).build()).build().update();
    Session.equal("after update", changed.getDescription() + changed.getDefinition().getSchema().getFields().size(), "changed5");
    client().create(TableInfo.of(TableId.of(set, "v"),
        ViewDefinition.newBuilder("SELECT id FROM `" + set + ".events`").setUseLegacySql(false).build()));
    Session.equal("the view", client().getTable(set, "v").getDefinition().getType(), TableDefinition.Type.VIEW);
    Session.equal("listTables", Iterables.size(client().listTables(set).iterateAll()), 2);
    refused("a dataset with tables", 400, "resourceInUse", () -> client().delete(set));
    client().delete(set, BigQuery.DatasetDeleteOption.deleteContents());
    Session.equal("get after delete", client().getTable(set, "events"), null);
  }

  private static void insert() throws Exception {
    String set = dataset();
    TableId table = TableId.of(set, "t");
    client().create(TableInfo.of(table, StandardTableDefinition.of(Schema.of(
        Field.of("id", StandardSQLTypeName.INT64), Field.of("name", StandardSQLTypeName.STRING)))));
    InsertAllRequest first = InsertAllRequest.newBuilder(table).addRow("a", ImmutableMap.of("id", 1, "name", "x"))
        .addRow("b", ImmutableMap.of("id", 2)).build();
    InsertAllRequest second = InsertAllRequest.newBuilder(table).addRow("b", ImmutableMap.of("id", 2))
        .addRow("c", ImmutableMap.of("id", 3)).build();
    Session.equal("errors", client().insertAll(first).hasErrors() || client().insertAll(second).hasErrors(), false);
    InsertAllResponse bad = client().insertAll(InsertAllRequest.newBuilder(table)
        .addRow("d", ImmutableMap.of("id", 4)).addRow("e", ImmutableMap.of("id", "no")).build());
    Session.equal("a bad row", bad.getErrorsFor(1).get(0).getReason(), "invalid");
    Session.equal("its neighbour", bad.getErrorsFor(0).get(0).getReason(), "stopped");
    client().insertAll(InsertAllRequest.newBuilder(table).setTemplateSuffix("_one").addRow(ImmutableMap.of("id", 9)).build());
    Session.equal("rows", text(rows("SELECT id FROM " + set + ".t ORDER BY id")), "1 | 2 | 3");
    Session.equal("templateSuffix", text(rows("SELECT id FROM " + set + ".t_one")), "9");
  }

  private static JobStatistics.LoadStatistics write(TableId table, FormatOptions format, byte[] bytes,
      JobInfo.SchemaUpdateOption... options) throws Exception {
    WriteChannelConfiguration.Builder to = WriteChannelConfiguration.newBuilder(table).setFormatOptions(format);
    if (options.length > 0) {
      to.setAutodetect(true).setSchemaUpdateOptions(Arrays.asList(options));
    }
    TableDataWriteChannel channel = client().writer(to.build());
    channel.write(ByteBuffer.wrap(bytes));
    channel.close();
    Job job = channel.getJob().waitFor();
    BigQueryError error = job.getStatus().getError();
    if (error != null) {
      throw new BigQueryException(400, error.getMessage(), error);
    }
    return job.getStatistics();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void load() throws Exception {
    String set = dataset();
    TableId table = TableId.of(set, "loaded");
    byte[] parquet = Files.readAllBytes(Paths.get(System.getenv("JUDGED_PARQUET")));
    Session.equal("Parquet", write(table, FormatOptions.parquet(), parquet).getOutputRows(), 2L);
    write(table, FormatOptions.json(), bytes("{\"id\": 3, \"name\": \"c\"}\n"));
    write(table, CsvOptions.newBuilder().setSkipLeadingRows(1).build(), bytes("id,name\n4,\"e, f\"\n"));
    write(table, FormatOptions.json(), bytes("{\"id\": 5, \"extra\": true}\n"),
        JobInfo.SchemaUpdateOption.ALLOW_FIELD_ADDITION);
    Session.equal("rows", text(rows("SELECT id, name, extra FROM " + set + ".loaded ORDER BY id")),
        "1,a,null | 2,null,null | 3,c,null | 4,e, f,null | 5,null,true");
    refused("a broken file", 0, "invalid",  // no HTTP request failed: the client's code of a job's error
        () -> write(table, FormatOptions.json(), bytes("{\"id\": 6}\n{\"id\": \"seven\"}\n")));
  }

  private static void types() throws Exception {
    String query = "SELECT 1 AS i, 1.5 AS f, TRUE AS b, 'é\"' AS s, b'\\x00\\xff' AS y, NUMERIC '1.25' AS n, "
        + "BIGNUMERIC '1e-30' AS bn, DATE '2024-02-29' AS d, TIME '12:34:56.789' AS t, "
        + "DATETIME '2024-02-29T01:02:03' AS dt, TIMESTAMP '2024-02-29 01:02:03.456789+00' AS ts, "
        + "JSON '{\"a\":[1]}' AS j, CAST(NULL AS STRING) AS z, [1, 2] AS a, STRUCT(1 AS x, ['p'] AS y) AS st, "
        + "INTERVAL '1-2 3 4:5:6' YEAR TO SECOND AS iv, RANGE(DATE '2024-01-01', NULL) AS r";
    FieldValueList row = rows(query).get(0);
    Session.equal("numbers", row.get("i").getLongValue() + " " + row.get("f").getDoubleValue() + " "
        + row.get("b").getBooleanValue() + " " + row.get("n").getNumericValue() + " "
        + row.get("bn").getNumericValue().toPlainString(), "1 1.5 true 1.25 0.000000000000000000000000000001");
    Session.equal("texts", row.get("s").getStringValue() + Arrays.toString(row.get("y").getBytesValue())
        + row.get("j").getStringValue() + row.get("z").isNull(), "é\"[0, -1]{\"a\":[1]}true");
    Session.equal("times", row.get("d").getStringValue() + " " + row.get("t").getStringValue() + " "
        + row.get("dt").getStringValue() + " " + row.get("ts").getTimestampInstant(),
        "2024-02-29 12:34:56.789000 2024-02-29T01:02:03 2024-02-29T01:02:03.456789Z");
    Session.equal("nested", text(ImmutableList.of(FieldValueList.of(ImmutableList.of(row.get("a"), row.get("st"))))),
        "[1,2],[1,[p]]");
    Session.equal("an interval", row.get("iv").getPeriodDuration().toString(), "P1Y2M3DT4H5M6S");
    Session.equal("a range", row.get("r").getRangeValue().getStart().getStringValue(), "2024-01-01");
  }

  private static void parameters() throws Exception {
    QueryParameterValue struct = QueryParameterValue.struct(ImmutableMap.of("p", QueryParameterValue.int64(1),
        "q", QueryParameterValue.array(new Double[] {0.5}, Double.class)));
    QueryJobConfiguration named = QueryJobConfiguration
        .newBuilder("SELECT @i AS i, @t AS t, @n AS n, @a AS a, @s.p AS p, @s.q AS q")
        .addNamedParameter("i", QueryParameterValue.int64(7))
        .addNamedParameter("t", QueryParameterValue.timestamp("2024-01-01 00:00:00.000000+00:00"))
        .addNamedParameter("n", QueryParameterValue.string(null))
        .addNamedParameter("a", QueryParameterValue.array(new String[] {"x", "y'; DROP"}, String.class))
        .addNamedParameter("s", struct).build();
    FieldValueList row = rows(named).get(0);
    Session.equal("a timestamp", row.get("t").getTimestampInstant().toString(), "2024-01-01T00:00:00Z");
    Session.equal("named", row.get("i").getLongValue() + text(row.get("n")) + text(row.get("a"))
        + row.get("p").getLongValue() + text(row.get("q")), "7null[x,y'; DROP]1[0.5]");
    QueryJobConfiguration positional = QueryJobConfiguration.newBuilder("SELECT ? AS a, '?' AS b, ? AS c")
        .addPositionalParameter(QueryParameterValue.string("?")).addPositionalParameter(QueryParameterValue.int64(2)).build();
    Session.equal("positional", text(rows(positional)), "?,?,2");
  }

  private static void paging() throws Exception {
    String set = dataset();
    String query = "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n ORDER BY n";
    Job job = client().create(JobInfo.of(QueryJobConfiguration.of(query))).waitFor();
    TableResult page = job.getQueryResults(BigQuery.QueryResultsOption.pageSize(7000));
    long seen = 0;
    int pages = 0;
    for (; page != null; page = page.hasNextPage() ? page.getNextPage() : null) {
      ++pages;
      for (FieldValueList row : page.getValues()) {
        Session.equal("a row", row.get(0).getLongValue(), ++seen);
      }
    }
    Session.equal("rows and pages", seen + " " + pages, "25000 2");  // behind the first the client names no size
    rows("CREATE TABLE " + set + ".t AS " + query);
    TableResult listed = client().listTableData(TableId.of(set, "t"), BigQuery.TableDataListOption.pageSize(10000));
    Session.equal("listTableData", Iterables.size(listed.iterateAll()), 25000);
  }

  private static void jobs() throws Exception {
    String set = dataset();
    rows("CREATE TABLE " + set + ".t AS SELECT 1 AS id, 'abc' AS name");
    Job dry = client().create(JobInfo.of(
        QueryJobConfiguration.newBuilder("SELECT id FROM " + set + ".t").setDryRun(true).build()));
    JobStatistics.QueryStatistics planned = dry.getStatistics();
    Session.require(planned.getTotalBytesProcessed() > 0, "a dry run says no bytes");
    Job job = client().create(JobInfo.of(
        QueryJobConfiguration.newBuilder("SELECT 1").setLabels(ImmutableMap.of("of", "suite")).build())).waitFor();
    Job again = client().getJob(job.getJobId());
    QueryJobConfiguration configuration = again.getConfiguration();
    Session.equal("job", again.getStatus().getState() + " " + configuration.getLabels() + configuration.getQuery(),
        JobStatus.State.DONE + " {of=suite}SELECT 1");
    boolean listed = Iterables.any(client().listJobs().iterateAll(), j -> j.getJobId().getJob().equals(job.getJobId().getJob()));
    Session.require(listed, "listJobs lacks it");
    Job slow = client().create(JobInfo.of(QueryJobConfiguration.of("SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, "
        + "UNNEST(GENERATE_ARRAY(1, 1000000)) b WHERE MOD(a * b, 7) = 1")));
    Session.equal("cancel", slow.cancel(), true);
    refused("a cancelled job", 499, "stopped", slow::waitFor);
    Job copied = client().create(JobInfo.of(
        CopyJobConfiguration.of(TableId.of(set, "copied"), TableId.of(set, "t")))).waitFor();
    Session.equal("copy", copied.getStatus().getError(), null);
    Session.equal("copied rows", text(rows("SELECT * FROM " + set + ".copied")), "1,abc");
  }

  private static void errors() throws Exception {
    String set = dataset();
    refused("a syntax error", 400, "invalidQuery", () -> rows("SELEC 1"));
    refused("no such table", 404, "notFound", () -> rows("SELECT * FROM " + set + ".nothing"));
    refused("a row of no table", 404, "notFound", () -> client().insertAll(
        InsertAllRequest.newBuilder(TableId.of(set, "nothing")).addRow(ImmutableMap.of("a", 1)).build()));
    refused("legacy SQL", 501, "notImplemented",
        () -> rows(QueryJobConfiguration.newBuilder("SELECT 1").setUseLegacySql(true).build()));
  }

  private static void routines() throws Exception {
    String set = dataset();
    RoutineInfo twice = RoutineInfo.newBuilder(RoutineId.of(set, "twice")).setRoutineType("SCALAR_FUNCTION").setLanguage("SQL")
        .setArguments(ImmutableList.of(RoutineArgument.newBuilder().setName("x").setDataType(INT64).build()))
        .setReturnType(INT64).setBody("x * 2").build();
    Routine made = client().create(twice);
    client().create(RoutineInfo.newBuilder(RoutineId.of(set, "shout")).setRoutineType("SCALAR_FUNCTION")
        .setLanguage("JAVASCRIPT").setReturnType(STRING).setBody("return s.toUpperCase() + \"\\\"!\";")
        .setArguments(ImmutableList.of(RoutineArgument.newBuilder().setName("s").setDataType(STRING).build())).build());
    Session.equal("called", text(rows("SELECT " + set + ".twice(4), " + set + ".shout('a')")), "8,A\"!");
    Routine found = client().getRoutine(RoutineId.of(set, "twice"));
    Session.equal("metadata", found.getBody() + found.getReturnType().getTypeKind(), "x * 2INT64");
    rows("CREATE TABLE FUNCTION " + set + ".upto(n INT64) AS SELECT * FROM UNNEST(GENERATE_ARRAY(1, n)) AS i");
    Session.equal("CREATE TABLE FUNCTION", client().getRoutine(set, "upto").getRoutineType(), "TABLE_VALUED_FUNCTION");
    Session.equal("listRoutines", Iterables.size(client().listRoutines(set).iterateAll()), 3);
    made.toBuilder().setBody("x * 3").build().update();
    Session.equal("after update", text(rows("SELECT " + set + ".twice(4)")), "12");
    refused("again", 409, "duplicate", () -> client().create(twice));
    Session.equal("delete", client().delete(RoutineId.of(set, "twice")), true);
    Session.equal("get after delete", client().getRoutine(set, "twice"), null);
  }
}
