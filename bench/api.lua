-- wrk: random rows of the events table. BENCH_QUERY=lookup|aggregate.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init()
  math.randomseed(seed * 7919)
  lookup = os.getenv("BENCH_QUERY") == "lookup"
end

function request()
  local row = math.random(0, 999999)
  if lookup then
    return wrk.format("GET", string.format("/lookup?action_id=act-%08d&user_email=user%05d%%40ltm.example", row, row % 20000))
  end
  return wrk.format("GET", string.format("/aggregate?app_id=app-%04d", row % 1000))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests_per_s": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, "failed": %d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
