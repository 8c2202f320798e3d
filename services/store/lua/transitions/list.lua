-- List: a page of the tasks of one queue and state, without bodies. Writes nothing.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] "<namespace>/<queue>"  [3] state  [4] cursor (0: from the beginning)  [5] page size
-- Reply: {next cursor (0: the end), id, record, id, record, ...}
local line, state, cursor, size = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local ids, next_cursor = {}, '0'

local function queued_ids()
  local kinds, offset = {}, tonumber(cursor)
  local fields = redis.call('HKEYS', queue_key(line))
  for _, field in ipairs(fields) do
    if string.sub(field, 1, 2) == 'k:' then kinds[#kinds + 1] = string.sub(field, 3) end
  end
  table.sort(kinds)
  for _, kind in ipairs(kinds) do
    for priority = 4, 1, -1 do
      local list = ready_key(line, kind, priority)
      local length = redis.call('LLEN', list)
      if offset >= length then
        offset = offset - length
      elseif #ids < size then
        local page = redis.call('LRANGE', list, offset, offset + size - #ids - 1)
        for _, id in ipairs(page) do ids[#ids + 1] = id end
        offset = 0
      end
    end
  end
  if #ids == size then next_cursor = string.format('%.0f', tonumber(cursor) + size) end
end

local function dead_ids()
  local from = tonumber(cursor)
  ids = redis.call('ZREVRANGE', dead_key(line), from, from + size - 1)
  if #ids == size then next_cursor = string.format('%.0f', from + size) end
end

if state == QUEUED then
  queued_ids()
elseif state == FAILED then
  dead_ids()
else
  local index = state == SCHEDULED and DUE or state == RUNNING and LEASE or DONE
  local page = redis.call('ZSCAN', index, cursor, 'COUNT', size)
  next_cursor = page[1]
  for i = 1, #page[2], 2 do ids[#ids + 1] = page[2][i] end
end

local reply = { next_cursor }
for _, id in ipairs(ids) do
  local t = load(id)
  if t and t[LINE] == line and t[STATE] == state then
    reply[#reply + 1] = id
    reply[#reply + 1] = without_body(t)
  end
end
return reply
