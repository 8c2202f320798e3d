-- Effects that are collected during a call and written once at its end, many in one command: records, counters, index changes, ready
-- lines, hints. Whatever can be refused is decided before the first of them; none of these commands can fail.
local MAX_UNWRITTEN = 1048576
local unwritten, unwritten_bytes, kept_change = {}, 0, 0
local lanes, last_lane = {}, nil
local added, removed, hinted = {}, {}, { events = {}, logged = {}, cancel = {}, lines = {}, deadline = nil }

-- The text of a whole number. Most numbers of a call are the one before: a text made once is much quicker than a number for the server.
local last_number, last_text
local function decimal(number)
  if number ~= last_number then last_number, last_text = number, string.format('%.0f', number) end
  return last_text
end

local function write_records()
  if #unwritten > 0 then redis.call('MSET', unpack(unwritten)) end
  unwritten, unwritten_bytes = {}, 0
end

-- Remembers that the record under this key is to have these bytes.
local function store(key, bytes)
  local count = #unwritten
  unwritten[count + 1], unwritten[count + 2] = key, bytes
  unwritten_bytes = unwritten_bytes + #bytes
  if unwritten_bytes > MAX_UNWRITTEN then write_records() end
end

-- A queue and a kind: what becomes of its counters. `change`: tasks by state; `set`: fields of the queue that get a value.
local function lane_of(line, kind)
  if last_lane and last_lane.line == line and last_lane.kind == kind then return last_lane end
  local name = line .. '/' .. kind
  local lane = lanes[name]
  if not lane then
    lane = { line = line, kind = kind, bytes = 0, change = { 0, 0, 0, 0, 0, 0, 0 }, set = {}, tails = {}, heads = {} }
    lanes[name] = lane
  end
  last_lane = lane
  return lane
end

local function lane_of_task(t) return lane_of(t[LINE], t[KIND]) end

local function add(index, score, id)
  local list = added[index]
  if not list then
    list = {}
    added[index] = list
  end
  local count = #list
  list[count + 1], list[count + 2] = decimal(score), id
end

local function remove(index, id)
  local list = removed[index]
  if not list then
    list = {}
    removed[index] = list
  end
  list[#list + 1] = id
end

-- The task has a new state event: watchers that have all before it need not read it.
local function hint_event(t, event)
  local events = hinted.events
  local count = #events
  events[count + 1], events[count + 2] = t[ID], event
end

-- Its log has a new entry.
local function hint_logged(t) hinted.logged[#hinted.logged + 1] = t[ID] .. pack('>I4', t[SEQUENCE]) end

-- Maintenance sleeps at most 10 s, so only a deadline sooner than that, and sooner than all others of its index, is worth a word.
local function hint_deadline(index, deadline, now)
  if deadline - now > 12000 then return end
  local first = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) <= deadline then return end
  if not hinted.deadline or deadline < hinted.deadline then hinted.deadline = deadline end
end

-- The next ready number of a line: rises with every push to its tail.
local function next_ready_number(lane)
  if not lane.number then lane.number = tonumber(redis.call('HGET', queue_key(lane.line), 'n:' .. lane.kind) or '0') end
  lane.number = lane.number + 1
  return lane.number
end

local function passed_field(kind, priority) return 'p' .. priority .. ':' .. kind end

-- The ready number that a line has passed last: whatever is queued with a smaller one is an orphan.
local function passed_number(lane, priority)
  local field = passed_field(lane.kind, priority)
  return lane.set[field] or tonumber(redis.call('HGET', queue_key(lane.line), field) or '0')
end

local function set_passed(lane, priority, number) lane.set[passed_field(lane.kind, priority)] = number end

-- Rings the bell of a line: wakes one of the workers that wait for it. A bell that nobody has heard yet is not rung twice.
local function ring(line, kind)
  local key = bell_key(line, kind)
  if redis.call('EXISTS', key) == 0 then redis.call('RPUSH', key, '1') end
end

local function push_tail(lane, priority, id)
  local ids = lane.tails[priority]
  if not ids then
    ids = {}
    lane.tails[priority] = ids
  end
  ids[#ids + 1] = id
end

-- Marks the task's place in its line and remembers to push it there. The caller writes the record.
local function push_ready(t, to_head)
  local lane = lane_of_task(t)
  if to_head then
    t[MARK] = passed_number(lane, t[PRIORITY])
    lane.heads[#lane.heads + 1] = t
  else
    t[MARK] = next_ready_number(lane)
    push_tail(lane, t[PRIORITY], t[ID])
  end
end

-- Pushes what is ready; a line that was empty wakes a worker.
local function flush_ready(lane, waiting_before)
  for _, t in ipairs(lane.heads) do redis.call('LPUSH', ready_key(lane.line, lane.kind, t[PRIORITY]), t[ID]) end
  for priority, ids in pairs(lane.tails) do redis.call('RPUSH', ready_key(lane.line, lane.kind, priority), unpack(ids)) end
  if waiting_before <= 0 and (#lane.heads > 0 or next(lane.tails)) then
    ring(lane.line, lane.kind)
    hinted.lines[#hinted.lines + 1] = lane.line .. '/' .. lane.kind
  end
end

-- Writes what has changed in a line: its counters are read and set in one command each. Leaves behind how many tasks wait now.
local function flush_lane(lane)
  local waiting, running = 'k:' .. lane.kind, 'u:' .. lane.kind
  local fields, changes = { waiting, running }, { lane.change[QUEUED], lane.change[RUNNING] }
  for state = SCHEDULED, EXPIRED do
    if lane.change[state] ~= 0 then
      fields[#fields + 1] = STATE_FIELD[state]
      changes[#changes + 1] = lane.change[state]
    end
  end
  if lane.bytes ~= 0 then
    fields[#fields + 1] = 'bytes'
    changes[#changes + 1] = lane.bytes
  end
  local key = queue_key(lane.line)
  local values, sets, gone = redis.call('HMGET', key, unpack(fields)), {}, {}
  flush_ready(lane, tonumber(values[1] or 0))
  for at, field in ipairs(fields) do
    local value = tonumber(values[at] or 0) + changes[at]
    if at == 1 then lane.waiting = value end
    if at <= 2 and value == 0 then
      -- Kinds are what clients make up: those without tasks leave nothing behind.
      if values[at] then gone[#gone + 1] = field end
    elseif changes[at] ~= 0 then
      sets[#sets + 1] = field
      sets[#sets + 1] = string.format('%.0f', value)
    end
  end
  if lane.number then lane.set['n:' .. lane.kind] = lane.number end
  for field, number in pairs(lane.set) do
    sets[#sets + 1] = field
    sets[#sets + 1] = string.format('%.0f', number)
  end
  if #sets > 0 then redis.call('HSET', key, unpack(sets)) end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local function add_to_stream(stream, entry)
  if #entry > 0 then redis.call('XADD', stream, 'MAXLEN', '~', '10000', '*', unpack(entry)) end
end

local function append(entry, field, parts, separator)
  if #parts == 0 then return end
  entry[#entry + 1] = field
  entry[#entry + 1] = table.concat(parts, separator)
end

-- Two streams, because those who wait for one thing are not to be woken for the other: every task has events, few give signals.
local function flush_hints()
  local events, signals = {}, {}
  append(events, 'e', hinted.events)
  append(events, 'c', hinted.logged)
  append(signals, 'x', hinted.cancel)
  append(signals, 'q', hinted.lines, ' ')
  append(signals, 'd', { hinted.deadline and string.format('%.0f', hinted.deadline) })
  add_to_stream(EVENTS, events)
  add_to_stream(SIGNALS, signals)
end

local function flush()
  write_records()
  for index, ids in pairs(removed) do redis.call('ZREM', index, unpack(ids)) end
  for index, list in pairs(added) do redis.call('ZADD', index, unpack(list)) end
  for _, lane in pairs(lanes) do flush_lane(lane) end
  if kept_change ~= 0 then redis.call('HINCRBY', STAT, 'kept_bytes', string.format('%.0f', kept_change)) end
  flush_hints()
  added, removed, lanes, last_lane, kept_change = {}, {}, {}, nil, 0
  hinted = { events = {}, logged = {}, cancel = {}, lines = {}, deadline = nil }
end
