-- Effects that are collected during a call and written once at its end: counters, index changes, ready lines, hints. Whatever can be
-- refused is decided before the first of them; none of these commands can fail.
local counters, ready_numbers, passed = {}, {}, {}
local added, removed, pushed, hinted = {}, {}, {}, { changed = {}, cancel = {}, lines = {}, deadline = nil }

-- The table kept under a key, made on first use.
local function under(map, key)
  local found = map[key]
  if not found then
    found = {}
    map[key] = found
  end
  return found
end

local function count(line, field, n)
  local fields = under(counters, line)
  fields[field] = (fields[field] or 0) + n
end

local function add(index, score, id)
  local list = under(added, index)
  list[#list + 1] = score
  list[#list + 1] = id
end

local function remove(index, id)
  local list = under(removed, index)
  list[#list + 1] = id
end

local function hint_changed(t) hinted.changed[#hinted.changed + 1] = t.id .. struct.pack('>I4', t.sequence) end

-- Maintenance sleeps at most 10 s, so only a deadline sooner than that, and sooner than all others of its index, is worth a word.
local function hint_deadline(index, deadline, now)
  if deadline - now > 12000 then return end
  local first = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) <= deadline then return end
  if not hinted.deadline or deadline < hinted.deadline then hinted.deadline = deadline end
end

-- The next ready number of a line: rises with every push to its tail.
local function next_ready_number(line, kind)
  local name = line .. '/' .. kind
  local entry = ready_numbers[name]
  if not entry then
    entry = { line = line, field = 'n:' .. kind, last = tonumber(redis.call('HGET', queue_key(line), 'n:' .. kind) or '0') }
    ready_numbers[name] = entry
  end
  entry.last = entry.last + 1
  return entry.last
end

local function passed_field(kind, priority) return 'p' .. priority .. ':' .. kind end

-- The ready number that a line has passed last: whatever is queued with a smaller one is an orphan.
local function passed_number(line, kind, priority)
  local fields = passed[line]
  local field = passed_field(kind, priority)
  if fields and fields[field] then return fields[field] end
  return tonumber(redis.call('HGET', queue_key(line), field) or '0')
end

local function set_passed(line, kind, priority, number) under(passed, line)[passed_field(kind, priority)] = number end

-- Rings the bell of a line: wakes one of the workers that wait for it. A bell that nobody has heard yet is not rung twice.
local function ring(line, kind)
  local key = bell_key(line, kind)
  if redis.call('EXISTS', key) == 0 then redis.call('RPUSH', key, '1') end
end

-- Marks the task's place in its line and remembers to push it there. The caller writes the record.
local function push_ready(t, to_head)
  t.mark = to_head and passed_number(t.line, t.kind, t.priority) or next_ready_number(t.line, t.kind)
  pushed[#pushed + 1] = { t.line, t.kind, t.priority, t.id, to_head }
end

local function flush_lines()
  local tails = {}
  for _, entry in ipairs(pushed) do
    local line, kind, priority, id, to_head = unpack(entry)
    local bell = line .. '/' .. kind
    if not tails[bell] then
      tails[bell] = { line = line, kind = kind, lists = {} }
      -- Counters are flushed after the lines: this is the number of ready tasks before this call.
      tails[bell].was_empty = tonumber(redis.call('HGET', queue_key(line), 'k:' .. kind) or '0') <= 0
    end
    if to_head then
      redis.call('LPUSH', ready_key(line, kind, priority), id)
    else
      local lists = tails[bell].lists
      lists[priority] = lists[priority] or {}
      lists[priority][#lists[priority] + 1] = id
    end
  end
  for _, tail in pairs(tails) do
    for priority, ids in pairs(tail.lists) do redis.call('RPUSH', ready_key(tail.line, tail.kind, priority), unpack(ids)) end
    if tail.was_empty then
      ring(tail.line, tail.kind)
      hinted.lines[#hinted.lines + 1] = tail.line .. '/' .. tail.kind
    end
  end
end

local function flush()
  for index, ids in pairs(removed) do redis.call('ZREM', index, unpack(ids)) end
  for index, list in pairs(added) do redis.call('ZADD', index, unpack(list)) end
  flush_lines()
  for _, entry in pairs(ready_numbers) do redis.call('HSET', queue_key(entry.line), entry.field, string.format('%.0f', entry.last)) end
  for line, fields in pairs(passed) do
    for field, number in pairs(fields) do redis.call('HSET', queue_key(line), field, string.format('%.0f', number)) end
  end
  for line, fields in pairs(counters) do
    for field, n in pairs(fields) do
      if n ~= 0 then
        local left = redis.call('HINCRBY', queue_key(line), field, n)
        local of_kind = string.sub(field, 1, 2)
        if left == 0 and (of_kind == 'k:' or of_kind == 'u:') then redis.call('HDEL', queue_key(line), field) end
      end
    end
  end
  local hint = {}
  if #hinted.changed > 0 then
    hint[#hint + 1] = 'c'
    hint[#hint + 1] = table.concat(hinted.changed)
  end
  if #hinted.cancel > 0 then
    hint[#hint + 1] = 'x'
    hint[#hint + 1] = table.concat(hinted.cancel)
  end
  if #hinted.lines > 0 then
    hint[#hint + 1] = 'q'
    hint[#hint + 1] = table.concat(hinted.lines, ' ')
  end
  if hinted.deadline then
    hint[#hint + 1] = 'd'
    hint[#hint + 1] = string.format('%.0f', hinted.deadline)
  end
  if #hint > 0 then redis.call('XADD', HINTS, 'MAXLEN', '~', '10000', '*', unpack(hint)) end
  added, removed, pushed, counters, ready_numbers, passed = {}, {}, {}, {}, {}, {}
  hinted = { changed = {}, cancel = {}, lines = {}, deadline = nil }
end
