-- T0 enqueue: none -> QUEUED or SCHEDULED, for a batch of tasks, each on its own.
-- Guarantee: a task is stored whole (record, index, idempotency entry, counters) or leaves no trace. Refused by the server when memory
-- is full, before it runs: it frees nothing.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each task: id, record without state and events, "<namespace>/<queue>", kind, terms, key
--         terms: u8 start (0 now, 1 after, 2 at), u48 its ms, u48 expires in ms (0: never), u48 limit of tasks, u48 limit of bytes (0: none)
--         key: digest of the idempotency key and of the content, or empty
-- Replies, one for each task: {id, stored, state} | {id, duplicate, id of the first, state} | {id, reused, id of the first}
--         | {id, full, unfinished tasks} | {id, bytes, bytes of unfinished tasks} | {id, taken}
local now = time_ms()
local replies, levels, made = {}, {}, {}
local NOW, AFTER = 0, 1

local function level(line)
  local l = levels[line]
  if not l then
    local f = redis.call('HMGET', queue_key(line), 'scheduled', 'queued', 'running', 'bytes')
    l = { known = f[1] or f[2] or f[3], tasks = tonumber(f[1] or 0) + tonumber(f[2] or 0) + tonumber(f[3] or 0), bytes = tonumber(f[4] or 0) }
    levels[line] = l
  end
  return l
end

local function earlier(id, line, key)
  local entry = redis.call('GET', idempotency_key(line, string.sub(key, 1, DIGEST)))
  if not entry then return nil end
  local first = string.sub(entry, 1, 16)
  if string.sub(entry, 17) ~= string.sub(key, DIGEST + 1) then return { id, 'reused', first } end
  write_records() -- the first may be of this very call
  local t = load(first)
  return { id, 'duplicate', first, t and t[STATE] or SUCCEEDED }
end

-- Ids are random: one look at all of them says that none is taken, and only if one is, each is looked at.
local function any_taken()
  local keys = {}
  for at = 3, #ARGV, 6 do keys[#keys + 1] = task_key(ARGV[at]) end
  return redis.call('EXISTS', unpack(keys)) > 0
end
local some_taken = any_taken()

local function refusal(id, line, key, size, l, task_limit, byte_limit)
  if key ~= '' then
    local reply = earlier(id, line, key)
    if reply then return reply end
  end
  if task_limit > 0 and l.tasks >= task_limit then return { id, 'full', string.format('%.0f', l.tasks) } end
  if byte_limit > 0 and l.bytes + size > byte_limit then return { id, 'bytes', string.format('%.0f', l.bytes) } end
  if made[id] or some_taken and redis.call('EXISTS', task_key(id)) == 1 then return { id, 'taken' } end
end

-- The stored bytes: what the caller made, with state, version and sequence 1, deadline or ready number, and the first event.
local function first_bytes(bytes, state, deadline, mark)
  return pack('>BB', 1, state) .. sub(bytes, 3, 4) .. '\0\0\0\1\0\0\0\1' .. sub(bytes, 13, 40)
    .. pack('>I6I6', deadline, mark) .. sub(bytes, 53) .. pack('>I4BBBI6', 1, state, ENQUEUED, 0, now)
end

local function insert(id, bytes, lane, start, l)
  local state = start > now and SCHEDULED or QUEUED
  if state == SCHEDULED then
    add(DUE, start, id)
    hint_deadline(DUE, start, now)
    bytes = first_bytes(bytes, state, start, 0)
  else
    local mark = next_ready_number(lane)
    push_tail(lane, string.byte(bytes, 4), id)
    bytes = first_bytes(bytes, state, 0, mark)
  end
  store(task_key(id), bytes)
  made[id] = true
  lane.change[state] = lane.change[state] + 1
  lane.bytes = lane.bytes + #bytes - EVENT
  if not l.known then
    l.known = true
    redis.call('ZADD', NAMES, 0, lane.line)
    redis.call('HSETNX', queue_key(lane.line), 'scheduled', 0)
  end
  l.tasks, l.bytes = l.tasks + 1, l.bytes + #bytes - EVENT
  return { id, 'stored', state }
end

local last_terms, mode, ms, expires, task_limit, byte_limit
for at = 3, #ARGV, 6 do
  local id, bytes, line, kind, terms, key = unpack(ARGV, at, at + 5)
  if terms ~= last_terms then
    mode, ms, expires, task_limit, byte_limit = struct.unpack('>BI6I6I6I6', terms)
    last_terms = terms
  end
  local l = level(line)
  local reply = refusal(id, line, key, #bytes, l, task_limit, byte_limit)
  if not reply then
    reply = insert(id, bytes, lane_of(line, kind), mode == NOW and now or mode == AFTER and now + ms or ms, l)
    if expires > 0 then
      add(EXPIRY, now + expires, id)
      hint_deadline(EXPIRY, now + expires, now)
    end
    if key ~= '' then redis.call('SET', idempotency_key(line, string.sub(key, 1, DIGEST)), id .. string.sub(key, DIGEST + 1)) end
  end
  replies[#replies + 1] = reply
end
flush()
return replies
