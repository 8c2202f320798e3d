-- Read: records and what their logs hold after a cursor, for a batch of readers. Writes nothing.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id; then for each reader: id, namespace, whole (1) or without the body (0), cursor (-1: no log), most log entries
-- Replies, one for each reader: {id, found, record, more (0|1), sequence, entry, sequence, entry, ...} | {id, missing}
-- Log entries of one call take about a MiB at most; each reader gets at least one, and is told if there is more.
local replies, budget = {}, 1048576

local function add_log(reply, id, cursor, most)
  local from = string.format('%.0f-0', cursor + 1)
  local entries = redis.call('XRANGE', log_key(id), from, '+', 'COUNT', most)
  local taken = 0
  for _, entry in ipairs(entries) do
    if taken > 0 and budget <= 0 then break end
    taken = taken + 1
    budget = budget - #entry[2][2]
    reply[#reply + 1] = tonumber(string.match(entry[1], '^%d+'))
    reply[#reply + 1] = entry[2][2]
  end
  if taken < #entries or #entries == most then reply[4] = 1 end
end

local ids = {}
for at = 2, #ARGV, 5 do ids[#ids + 1] = ARGV[at] end
prefetch(ids)
for at = 2, #ARGV, 5 do
  local id, namespace, whole, cursor, most = unpack(ARGV, at, at + 4)
  local t = load(id)
  if not t or sub(t[LINE], 1, #namespace + 1) ~= namespace .. '/' then
    replies[#replies + 1] = { id, 'missing' }
  else
    local reply = { id, 'found', whole == '1' and t[BYTES] or without_body(t), 0 }
    if has(t, F_LOG) and tonumber(cursor) >= 0 and tonumber(cursor) < t[SEQUENCE] then
      add_log(reply, id, tonumber(cursor), tonumber(most))
    end
    replies[#replies + 1] = reply
  end
end
return replies
