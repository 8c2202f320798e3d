-- Report: appends progress or a chunk of output to the log of a running task, for a batch of leases. No change of state.
-- Guarantee: only the holder of the latest grant writes; entries are numbered with the task's state events; the log keeps to its bounds
-- by dropping its oldest entries, and the record knows the first one that is still there. Refused by the server when memory is full: what
-- is left then is for settling.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each entry: id, fence, nonce, type (1 progress, 2 chunk), payload
-- Replies, one for each entry: {id, stored, sequence, stop (0 no, 1 cancel, 2 expiry)} | {id, lost}
-- An entry of the log: u8 attempt, u48 time, u8 type, u48 bytes of payload ever written up to this entry, payload.
local now = time_ms()
local replies = {}
local ENTRY = '>BI6BI6'

local function total_of(entry)
  local _, _, _, total = struct.unpack(ENTRY, entry[2][2])
  return total
end

local function trim(log, total)
  local first_kept
  while true do
    local entries = redis.call('XRANGE', log, '-', '+', 'COUNT', 2)
    if #entries < 2 then break end
    local too_many = redis.call('XLEN', log) > rules.log_entries
    -- Bytes kept: what was written in all, less what was written before the oldest entry.
    local oldest = total_of(entries[1]) - (#entries[1][2][2] - 14)
    if not too_many and total - oldest <= rules.log_bytes then break end
    redis.call('XDEL', log, entries[1][1])
    first_kept = tonumber(string.match(entries[2][1], '^%d+'))
  end
  return first_kept
end

local function report(id, fence, nonce, type, payload)
  local key = task_key(id)
  local bytes = redis.call('GETRANGE', key, 0, HEADER - 1)
  if #bytes < HEADER then return { id, 'lost' } end
  local t = parse_header(key, id, bytes)
  if t[STATE] ~= RUNNING or t[FENCE] ~= tonumber(fence) or t[NONCE] ~= nonce then return { id, 'lost' } end
  local log = log_key(id)
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
  local total = (last[1] and total_of(last[1]) or 0) + #payload
  t[SEQUENCE] = t[SEQUENCE] + 1
  redis.call('XADD', log, t[SEQUENCE] .. '-0', 'e', struct.pack(ENTRY, attempt_of(t), now, tonumber(type), total) .. payload)
  t[FLAGS] = bit.bor(t[FLAGS], F_LOG)
  t[FIRST_KEPT] = trim(log, total) or t[FIRST_KEPT]
  redis.call('SETRANGE', key, 0, header_bytes(t))
  hint_logged(t)
  return { id, 'stored', t[SEQUENCE], has(t, F_CANCEL) and 1 or has(t, F_EXPIRY_PASSED) and 2 or 0 }
end

for at = 3, #ARGV, 5 do replies[#replies + 1] = report(unpack(ARGV, at, at + 4)) end
flush()
return replies
