-- T3 heartbeat: RUNNING -> RUNNING, for a batch of leases. Changes neither version nor sequence.
-- Guarantee: only the holder of the latest grant renews; the end of a lease never moves back. Time run is counted in steps of at most one
-- lease, so that a jump of the clock cannot time an attempt out.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each lease: id, fence, nonce, age of the sign of life in ms
-- Replies, one for each lease: {id, renewed, stop (0 no, 1 cancel, 2 expiry), remaining ms of attempt_timeout} | {id, timeout} | {id, lost}
local now = time_ms()
local replies = {}

local function renew(id, fence, nonce, age)
  local key = task_key(id)
  local bytes = redis.call('GETRANGE', key, 0, HEADER - 1)
  if #bytes < HEADER then return { id, 'lost' } end
  local t = parse_header(key, id, bytes)
  if t[STATE] ~= RUNNING or t[FENCE] ~= tonumber(fence) or t[NONCE] ~= nonce then return { id, 'lost' } end
  local run = run_ms(t, now)
  if run > t[TIMEOUT] + rules.timeout_grace then return { id, 'timeout' } end
  t[RUN_MS], t[MARK] = math.min(run, 4294967295), now
  t[DEADLINE] = math.max(t[DEADLINE], now + rules.lease_ttl - tonumber(age))
  redis.call('SETRANGE', key, 0, header_bytes(t))
  add(LEASE, t[DEADLINE], id)
  local stop = has(t, F_CANCEL) and 1 or has(t, F_EXPIRY_PASSED) and 2 or 0
  return { id, 'renewed', stop, math.max(0, t[TIMEOUT] - t[RUN_MS]) }
end

for at = 3, #ARGV, 4 do replies[#replies + 1] = renew(unpack(ARGV, at, at + 3)) end
flush()
return replies
