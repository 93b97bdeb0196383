import com.google.api.gax.rpc.ApiException;
import com.google.api.gax.rpc.StatusCode;
import com.google.gson.JsonObject;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Judges the servers of PUBSUB_EMULATOR_HOST and JUDGED_BIGQUERY with Google's Java client and prints a JSON line a feature. */
public final class Suite {
  private static final int WORKERS = 8;
  private static final int SECONDS = 120;

  /** One feature's scenario; it throws what it finds wrong. */
  interface Scenario {
    void run(Session session) throws Exception;
  }

  private Suite() {}

  public static void main(String[] wanted) throws Exception {
    Map<String, Scenario> scenarios = new LinkedHashMap<>();
    Resources.addTo(scenarios);
    Delivery.addTo(scenarios);
    Guarantees.addTo(scenarios);
    Schemas.addTo(scenarios);
    Warehouse.addTo(scenarios);
    Storage.addTo(scenarios);
    if (wanted.length > 0) {
      scenarios.keySet().retainAll(Arrays.asList(wanted));
    }
    Session session = new Session();
    ExecutorService workers = Executors.newFixedThreadPool(WORKERS);
    Map<String, Future<?>> running = new LinkedHashMap<>();
    scenarios.forEach((feature, scenario) -> running.put(feature, workers.submit(() -> {
      judge(session, feature, scenario);
    })));
    List<String> stuck = new ArrayList<>();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    for (Map.Entry<String, Future<?>> one : running.entrySet()) {
      try {
        one.getValue().get(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
      } catch (TimeoutException error) {
        stuck.add(one.getKey());
      }
    }
    stuck.forEach(feature -> print(feature, "wrong", "did not end"));
    System.exit(0);
  }

  private static void judge(Session session, String feature, Scenario scenario) {
    try {
      scenario.run(session);
      print(feature, "ok", "");
    } catch (Throwable error) {
      Throwable cause = error;
      while (cause instanceof ExecutionException && cause.getCause() != null) {
        cause = cause.getCause();
      }
      print(feature, unimplemented(cause) ? "unimplemented" : "wrong", String.valueOf(cause.getMessage()));
    }
  }

  static boolean unimplemented(Throwable error) {
    if (error instanceof ApiException) {
      return ((ApiException) error).getStatusCode().getCode() == StatusCode.Code.UNIMPLEMENTED;
    }
    return error instanceof StatusRuntimeException
        && ((StatusRuntimeException) error).getStatus().getCode() == io.grpc.Status.Code.UNIMPLEMENTED;
  }

  private static synchronized void print(String feature, String result, String detail) {
    JsonObject line = new JsonObject();
    line.addProperty("feature", feature);
    line.addProperty("client", "java");
    line.addProperty("result", result);
    String text = detail.replaceAll("\\s+", " ");
    line.addProperty("detail", text.substring(0, Math.min(300, text.length())));
    System.out.println(line);
  }
}
