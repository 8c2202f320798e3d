-- The record. Layout and offsets as documented in services/model/src/record.rs, which is the reference; `load` takes the fixed part and
-- the names apart, the rest stays bytes.
local SCHEDULED, QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED, EXPIRED = 1, 2, 3, 4, 5, 6, 7
local STATE_FIELD = { 'scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired' }
local ENQUEUED, WAS_DUE, LEASED, RETRY, CRASHED, RELEASED, CANCEL_REQUESTED, EXPIRY_REQUESTED, FINISHED = 1, 2, 3, 4, 5, 6, 7, 8, 9
local F_CANCEL, F_EXPIRY_PASSED, F_POLICY, F_KEY, F_LOG, F_EXPIRES = 1, 2, 4, 8, 16, 32
local SETTLED_COMPLETE, SETTLED_FAIL, SETTLED_RELEASE, SETTLED_REAP = 1, 2, 3, 4
local HEADER, EVENT, POLICY, DIGEST = 64, 13, 14, 16
local HEADER_FORMAT = '>BBBBI4I4I4I4c16BBBBI6I6I4I4I3B'

local function has(task, flag) return bit.band(task.flags, flag) ~= 0 end

-- Takes a header apart. A layout that this release does not know is an error of the whole call.
local function parse_header(bytes)
  local t = {}
  t.layout, t.state, t.flags, t.priority, t.version, t.sequence, t.first_kept, t.fence, t.nonce, t.failures, t.crashes, t.releases,
    t.max_attempts, t.deadline, t.mark, t.run_ms, t.timeout, t.body_len, t.settled = struct.unpack(HEADER_FORMAT, bytes)
  if t.layout ~= 1 then error('LAYOUT record layout ' .. t.layout .. ' is not known to this release') end
  return t
end

local function header_bytes(t)
  return struct.pack(HEADER_FORMAT, t.layout, t.state, t.flags, t.priority, t.version, t.sequence, t.first_kept, t.fence, t.nonce,
    t.failures, t.crashes, t.releases, t.max_attempts, t.deadline, t.mark, t.run_ms, t.timeout, t.body_len, t.settled)
end

local function parse_record(id, bytes)
  local t = parse_header(bytes)
  t.id, t.bytes = id, bytes
  local n = string.byte(bytes, HEADER + 1)
  t.line = string.sub(bytes, HEADER + 2, HEADER + 1 + n)
  local at = HEADER + 2 + n
  n = string.byte(bytes, at)
  t.kind = string.sub(bytes, at + 1, at + n)
  t.names_end = at + n -- the policy block follows, if there is one, then the key's digest, then the body
  return t
end

-- The task, or nil.
local function load(id)
  local bytes = redis.call('GET', task_key(id))
  if bytes then return parse_record(id, bytes) end
end

-- Retention in ms of the finished task, length of the input that is to be cut off on success, expires_in in ms; 0: not set.
local function policy(t)
  if not has(t, F_POLICY) then return 0, 0, 0 end
  local retention, cut, expires_in = struct.unpack('>I4I4I6', t.bytes, t.names_end + 1)
  return retention * 1000, cut, expires_in
end

-- Where the body begins: all before it is names and what scripts need to know.
local function body_start(t) return t.names_end + (has(t, F_POLICY) and POLICY or 0) + (has(t, F_KEY) and DIGEST or 0) end

-- The record without its body, for readers that need no payload.
local function without_body(t) return string.sub(t.bytes, 1, body_start(t)) .. string.sub(t.bytes, HEADER + t.body_len + 1) end

-- Time of the n-th state event, from 1.
local function event_time(t, n) return (struct.unpack('>I6', t.bytes, HEADER + t.body_len + EVENT * (n - 1) + 8)) end

local function key_digest(t)
  local at = t.names_end + (has(t, F_POLICY) and POLICY or 0)
  return string.sub(t.bytes, at + 1, at + DIGEST)
end

-- Number of the attempt that is running or would run next.
local function attempt_of(t) return t.failures + t.crashes + 1 end
