-- T2 lease: QUEUED -> RUNNING, for up to `max` tasks of the given lines. A task past its expiry ends instead (T13).
-- Guarantee: each task goes to one holder, with a fence higher than any before. A repeat of a request within a minute answers with those
-- of its leases that still hold, and leases nothing new.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules  [3] namespace  [4] max tasks  [5] max bytes of records  [6] digest of the request  [7] nonce (16 bytes);
--         then queue, kind for each line, in the order to visit
-- Reply: {more (1: a bound was reached, ask again), id, record, id, record, ...}
local max, max_bytes, request, nonce = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]
local now = time_ms()
local reply, ids, bytes, skipped, full = { 0 }, {}, 0, 0, false
local MAX_TOMBSTONES = 256

local before = redis.call('GET', request_key(request))
if before then
  local held = string.sub(before, 1, 16)
  for at = 17, #before, 16 do
    local t = load(string.sub(before, at, at + 15))
    if t and t.state == RUNNING and t.nonce == held then
      reply[#reply + 1] = t.id
      reply[#reply + 1] = t.bytes
    end
  end
  return reply
end

local lines = {}
for at = 8, #ARGV, 2 do
  local line, kind = ARGV[3] .. '/' .. ARGV[at], ARGV[at + 1]
  local f = redis.call('HMGET', queue_key(line), 'paused', 'k:' .. kind, 'c:' .. kind)
  if not f[1] and tonumber(f[2] or 0) > 0 then
    lines[#lines + 1] = { line = line, kind = kind, served = tonumber(f[3] or 0), left = {} }
  end
end

local function lengths(entry)
  if entry.known then return end
  entry.known = true
  for priority = 1, 4 do entry.left[priority] = redis.call('LLEN', ready_key(entry.line, entry.kind, priority)) end
end

-- Strict priority, but every 16th lease of a line takes the lowest level that is not empty.
local function pick(entry)
  local from, to, step = 4, 1, -1
  if (entry.served + 1) % 16 == 0 then from, to, step = 1, 4, 1 end
  for priority = from, to, step do
    if entry.left[priority] > 0 then return priority end
  end
end

local function grant(t, entry)
  t.fence, t.nonce, t.settled = t.fence + 1, nonce, 0
  t.deadline, t.run_ms = now + rules.lease_ttl, 0
  t.mark = now
  advance(t, RUNNING, LEASED, now)
  entry.served = entry.served + 1
  bytes = bytes + #t.bytes
  ids[#ids + 1] = t.id
  reply[#reply + 1] = t.id
  reply[#reply + 1] = t.bytes
end

local function expired(t)
  if not has(t, F_EXPIRES) then return false end
  local expiry = redis.call('ZSCORE', EXPIRY, t.id)
  return expiry and tonumber(expiry) <= now
end

-- Takes up to n tasks of a line. Answers how many.
local function take(entry, n)
  lengths(entry)
  local got = 0
  while got < n and not full do
    local priority = pick(entry)
    if not priority then break end
    if skipped >= MAX_TOMBSTONES then
      full = true
      break
    end
    local list = ready_key(entry.line, entry.kind, priority)
    local id = redis.call('LPOP', list)
    if not id then
      entry.left[priority] = 0
    else
      entry.left[priority] = entry.left[priority] - 1
      local t = load(id)
      if not t or t.state ~= QUEUED then
        skipped = skipped + 1
      elseif expired(t) then
        set_passed(entry.line, entry.kind, priority, t.mark)
        skipped = skipped + 1
        advance(t, EXPIRED, FINISHED, now)
      elseif #ids > 0 and bytes + #t.bytes + EVENT > max_bytes then
        redis.call('LPUSH', list, id)
        entry.left[priority] = entry.left[priority] + 1
        full = true
      else
        set_passed(entry.line, entry.kind, priority, t.mark)
        grant(t, entry)
        got = got + 1
      end
    end
  end
  return got
end

local wanted = max
if #lines > 0 then
  local share = math.ceil(max / #lines)
  for pass = 1, 2 do
    for _, entry in ipairs(lines) do
      if wanted > 0 and not full then wanted = wanted - take(entry, pass == 1 and math.min(share, wanted) or wanted) end
    end
  end
end

if #ids > 0 then redis.call('SET', request_key(request), nonce .. table.concat(ids), 'EX', 60) end
flush()
for _, entry in ipairs(lines) do
  if entry.known then redis.call('HSET', queue_key(entry.line), 'c:' .. entry.kind, entry.served) end
  -- What is left is passed on to another worker, which may be waiting.
  local depth = tonumber(redis.call('HGET', queue_key(entry.line), 'k:' .. entry.kind) or '0')
  if depth > 0 then ring(entry.line, entry.kind) end
end
if full then reply[1] = 1 end
return reply
