-- Sends prepared requests one after another, from a file of paths or of bodies, and says what came of it in JSON.
local prepared = {}
local at = 0

function init(args)
  local path = os.getenv("BENCH_PATH")
  local headers = {["Content-Type"] = "application/json"}
  if os.getenv("BENCH_KEY") ~= "" then
    headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
  end
  for line in io.lines(os.getenv("BENCH_LINES")) do
    if path == "" then
      prepared[#prepared + 1] = wrk.format("GET", line)
    else
      prepared[#prepared + 1] = wrk.format("POST", path, headers, line)
    end
  end
  at = tonumber(os.getenv("BENCH_START")) % #prepared
end

function request()
  at = at % #prepared + 1
  return prepared[at]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'FOUND {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
