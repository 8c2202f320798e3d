-- T0 enqueue: none -> QUEUED or SCHEDULED, for a batch of tasks, each on its own.
-- Guarantee: a task is stored whole (record, index, idempotency entry, counters) or leaves no trace. Refused by the server when memory
-- is full, before it runs: it frees nothing.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each task: id, record without state, "<namespace>/<queue>", kind, start (now|after|at), its ms,
--         expires in ms (0: never), digest of the idempotency key (or empty), digest of the content, limit of tasks, limit of bytes (0: none)
-- Replies, one for each task: {id, stored, state} | {id, duplicate, id of the first, state} | {id, reused, id of the first}
--         | {id, full, unfinished tasks} | {id, bytes, bytes of unfinished tasks} | {id, taken}
local now = time_ms()
local replies, levels = {}, {}

local function level(line)
  local l = levels[line]
  if not l then
    local f = redis.call('HMGET', queue_key(line), 'scheduled', 'queued', 'running', 'bytes')
    l = { known = f[1] or f[2] or f[3], tasks = tonumber(f[1] or 0) + tonumber(f[2] or 0) + tonumber(f[3] or 0), bytes = tonumber(f[4] or 0) }
    levels[line] = l
  end
  return l
end

local function earlier(id, line, digest, content)
  local entry = redis.call('GET', idempotency_key(line, digest))
  if not entry then return nil end
  local first = string.sub(entry, 1, 16)
  if string.sub(entry, 17) ~= content then return { id, 'reused', first } end
  local t = load(first)
  return { id, 'duplicate', first, t and t.state or SUCCEEDED }
end

local function refusal(id, line, digest, content, size, task_limit, byte_limit)
  if digest ~= '' then
    local reply = earlier(id, line, digest, content)
    if reply then return reply end
  end
  local l = level(line)
  if task_limit > 0 and l.tasks >= task_limit then return { id, 'full', string.format('%.0f', l.tasks) } end
  if byte_limit > 0 and l.bytes + size > byte_limit then return { id, 'bytes', string.format('%.0f', l.bytes) } end
  if redis.call('EXISTS', task_key(id)) == 1 then return { id, 'taken' } end
end

local function start_time(mode, ms)
  if mode == 'now' then return now end
  return mode == 'after' and now + ms or ms
end

for at = 3, #ARGV, 11 do
  local id, bytes, line, kind, mode, ms, expires, digest, content, task_limit, byte_limit = unpack(ARGV, at, at + 10)
  local reply = refusal(id, line, digest, content, #bytes, tonumber(task_limit), tonumber(byte_limit))
  if not reply then
    local t = parse_record(id, bytes)
    local start = start_time(mode, tonumber(ms))
    t.state = start > now and SCHEDULED or QUEUED
    if t.state == SCHEDULED then
      t.deadline = start
      add(DUE, start, id)
      hint_deadline(DUE, start, now)
    else
      count(line, 'k:' .. kind, 1)
      push_ready(t, false)
    end
    if tonumber(expires) > 0 then
      add(EXPIRY, now + tonumber(expires), id)
      hint_deadline(EXPIRY, now + tonumber(expires), now)
    end
    if digest ~= '' then redis.call('SET', idempotency_key(line, digest), id .. content) end
    write(t, ENQUEUED, now)
    count(line, STATE_FIELD[t.state], 1)
    count(line, 'bytes', size_of(t))
    local l = level(line)
    if not l.known then
      l.known = true
      redis.call('ZADD', NAMES, 0, line)
      redis.call('HSETNX', queue_key(line), 'scheduled', 0)
    end
    l.tasks, l.bytes = l.tasks + 1, l.bytes + size_of(t)
    reply = { id, 'stored', t.state }
  end
  replies[#replies + 1] = reply
end
flush()
return replies
