-- The record. Layout and offsets as documented in services/model/src/record.rs, which is the reference. A task is a list with its fields
-- by place, as one call of struct.unpack fills it: fields by name take three times as long, and this is most of what a script does.
local SCHEDULED, QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED, EXPIRED = 1, 2, 3, 4, 5, 6, 7
local STATE_FIELD = { 'scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired' }
local ENQUEUED, WAS_DUE, LEASED, RETRY, CRASHED, RELEASED, CANCEL_REQUESTED, EXPIRY_REQUESTED, FINISHED = 1, 2, 3, 4, 5, 6, 7, 8, 9
local F_CANCEL, F_EXPIRY_PASSED, F_POLICY, F_KEY, F_LOG, F_EXPIRES = 1, 2, 4, 8, 16, 32
local SETTLED_COMPLETE, SETTLED_FAIL, SETTLED_RELEASE, SETTLED_REAP = 1, 2, 3, 4
local HEADER, EVENT, POLICY, DIGEST = 64, 13, 14, 16
local HEADER_FORMAT = '>BBBBI4I4I4I4c16BBBBI6I6I4I4I3B'
local RECORD_FORMAT = HEADER_FORMAT .. 'Bc0Bc0'
-- Places of the fields. The policy block follows the names, if there is one, then the key's digest, then the body.
local KEY, ID, BYTES, LAYOUT, STATE, FLAGS, PRIORITY, VERSION, SEQUENCE, FIRST_KEPT, FENCE, NONCE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
local FAILURES, CRASHES, RELEASES, MAX_ATTEMPTS, DEADLINE, MARK, RUN_MS, TIMEOUT = 13, 14, 15, 16, 17, 18, 19, 20
local BODY_LEN, SETTLED, LINE, KIND, NAMES_END = 21, 22, 23, 24, 25
-- Found once: a global takes two look-ups each time.
local sub, pack, unpack_bytes = string.sub, struct.pack, struct.unpack

local function has(t, flag) return t[FLAGS] ~= 0 and bit.band(t[FLAGS], flag) ~= 0 end

-- A layout that this release does not know is an error of the whole call.
local function known(t)
  if t[LAYOUT] ~= 1 then error('LAYOUT record layout ' .. t[LAYOUT] .. ' is not known to this release') end
  return t
end

-- The header alone, of a task whose names and body nobody needs.
local function parse_header(key, id, bytes) return known({ key, id, bytes, unpack_bytes(HEADER_FORMAT, bytes) }) end

local function header_bytes(t) return pack(HEADER_FORMAT, unpack(t, LAYOUT, SETTLED)) end

local function parse_record(key, id, bytes)
  local t = known({ key, id, bytes, unpack_bytes(RECORD_FORMAT, bytes) })
  t[NAMES_END] = t[NAMES_END] - 1 -- struct answers where it would go on
  return t
end

-- Tasks of this call by id, false for those that are not there: each record is read once, many in one command.
local tasks = {}

local function prefetch(ids)
  if #ids == 0 then return end
  local keys = {}
  for at = 1, #ids do keys[at] = task_key(ids[at]) end
  local found = redis.call('MGET', unpack(keys))
  for at = 1, #ids do
    local id, bytes = ids[at], found[at]
    if tasks[id] == nil then tasks[id] = bytes and parse_record(keys[at], id, bytes) end
  end
end

-- The task, or nil.
local function load(id)
  local t = tasks[id]
  if t == nil then
    local key = task_key(id)
    local bytes = redis.call('GET', key)
    t = bytes and parse_record(key, id, bytes)
    tasks[id] = t
  end
  return t or nil
end

-- Retention in ms of the finished task, length of the input that is to be cut off on success, expires_in in ms; 0: not set.
local function policy(t)
  if not has(t, F_POLICY) then return 0, 0, 0 end
  local retention, cut, expires_in = unpack_bytes('>I4I4I6', t[BYTES], t[NAMES_END] + 1)
  return retention * 1000, cut, expires_in
end

-- Where the body begins: all before it is names and what scripts need to know.
local function body_start(t) return t[NAMES_END] + (has(t, F_POLICY) and POLICY or 0) + (has(t, F_KEY) and DIGEST or 0) end

-- The record without its body, for readers that need no payload.
local function without_body(t) return sub(t[BYTES], 1, body_start(t)) .. sub(t[BYTES], HEADER + t[BODY_LEN] + 1) end

-- Time of the n-th state event, from 1.
local function event_time(t, n) return (unpack_bytes('>I6', t[BYTES], HEADER + t[BODY_LEN] + EVENT * (n - 1) + 8)) end

local function key_digest(t)
  local at = t[NAMES_END] + (has(t, F_POLICY) and POLICY or 0)
  return sub(t[BYTES], at + 1, at + DIGEST)
end

-- Number of the attempt that is running or would run next.
local function attempt_of(t) return t[FAILURES] + t[CRASHES] + 1 end
