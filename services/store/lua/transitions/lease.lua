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
-- Records that are read before their sizes are known.
local MAX_PAGE = 32

local before = redis.call('GET', request_key(request))
if before then
  local held = string.sub(before, 1, 16)
  for at = 17, #before, 16 do
    local t = load(string.sub(before, at, at + 15))
    if t and t[STATE] == RUNNING and t[NONCE] == held then
      reply[#reply + 1] = t[ID]
      reply[#reply + 1] = t[BYTES]
    end
  end
  return reply
end

local lines = {}
for at = 8, #ARGV, 2 do
  local line, kind = ARGV[3] .. '/' .. ARGV[at], ARGV[at + 1]
  local f = redis.call('HMGET', queue_key(line), 'paused', 'k:' .. kind, 'c:' .. kind)
  local waiting = tonumber(f[2] or 0)
  if not f[1] and waiting > 0 then
    lines[#lines + 1] = { line = line, kind = kind, waiting = waiting, served = tonumber(f[3] or 0), left = {} }
  end
end

local function lengths(entry)
  if entry.lane then return end
  entry.lane = lane_of(entry.line, entry.kind)
  for priority = 1, 4 do entry.left[priority] = redis.call('LLEN', ready_key(entry.line, entry.kind, priority)) end
end

-- Strict priority, but every 16th lease of a line takes the lowest level that is not empty. Answers the level, and how many leases may
-- be taken from it in a row.
local function pick(entry)
  local lowest, highest
  for priority = 1, 4 do
    if entry.left[priority] > 0 then lowest, highest = lowest or priority, priority end
  end
  if lowest == highest then return lowest, MAX_PAGE end
  local place = (entry.served + 1) % 16
  if place == 0 then return lowest, 1 end
  return highest, 16 - place
end

local function grant(t, entry)
  t[FENCE], t[NONCE], t[SETTLED] = t[FENCE] + 1, nonce, 0
  t[DEADLINE], t[RUN_MS] = now + rules.lease_ttl, 0
  t[MARK] = now
  advance(t, RUNNING, LEASED, now)
  entry.served = entry.served + 1
  bytes = bytes + #t[BYTES]
  ids[#ids + 1] = t[ID]
  reply[#reply + 1] = t[ID]
  reply[#reply + 1] = t[BYTES]
end

local function expired(t)
  if not has(t, F_EXPIRES) then return false end
  local expiry = redis.call('ZSCORE', EXPIRY, t[ID])
  return expiry and tonumber(expiry) <= now
end

-- Takes the tasks of one page of a line. Answers how many; the rest goes back if the reply is full.
local function take_page(entry, priority, page)
  local got = 0
  prefetch(page)
  for at, id in ipairs(page) do
    local t = load(id)
    if not t or t[STATE] ~= QUEUED then
      skipped = skipped + 1
    elseif expired(t) then
      set_passed(entry.lane, priority, t[MARK])
      skipped = skipped + 1
      advance(t, EXPIRED, FINISHED, now)
    elseif #ids > 0 and bytes + #t[BYTES] + EVENT > max_bytes then
      for back = #page, at, -1 do redis.call('LPUSH', ready_key(entry.line, entry.kind, priority), page[back]) end
      full = true
      break
    else
      set_passed(entry.lane, priority, t[MARK])
      grant(t, entry)
      got = got + 1
    end
  end
  return got
end

-- Takes up to n tasks of a line. Answers how many.
local function take(entry, n)
  lengths(entry)
  local got = 0
  while got < n and not full do
    local priority, run = pick(entry)
    if not priority then break end
    if skipped >= MAX_TOMBSTONES then
      full = true
      break
    end
    local most = math.min(n - got, run, MAX_TOMBSTONES - skipped)
    local page = redis.call('LPOP', ready_key(entry.line, entry.kind, priority), most)
    if page then
      entry.left[priority] = entry.left[priority] - #page
      got = got + take_page(entry, priority, page)
    else
      entry.left[priority] = 0
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
for _, entry in ipairs(lines) do
  if entry.lane then entry.lane.set['c:' .. entry.kind] = entry.served end
end
flush()
for _, entry in ipairs(lines) do
  -- What is left is passed on to another worker, which may be waiting.
  if (entry.lane and entry.lane.waiting or entry.waiting) > 0 then ring(entry.line, entry.kind) end
end
if full then reply[1] = 1 end
return reply
