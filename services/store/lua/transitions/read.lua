-- Read: records and what their logs hold after a cursor, for a batch of readers. Writes nothing.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id; then for each reader: id, namespace, whole (1) or without the body (0), cursor (-1: no log), most log entries
-- Replies, one for each reader: {id, found, record, sequence, entry, sequence, entry, ...} | {id, missing}
local replies = {}
for at = 2, #ARGV, 5 do
  local id, namespace, whole, cursor, most = unpack(ARGV, at, at + 4)
  local t = load(id)
  if not t or string.sub(t.line, 1, #namespace + 1) ~= namespace .. '/' then
    replies[#replies + 1] = { id, 'missing' }
  else
    local reply = { id, 'found', whole == '1' and t.bytes or without_body(t) }
    if tonumber(cursor) >= 0 and has(t, F_LOG) and tonumber(cursor) < t.sequence then
      local from = string.format('%.0f-0', tonumber(cursor) + 1)
      for _, entry in ipairs(redis.call('XRANGE', log_key(id), from, '+', 'COUNT', most)) do
        reply[#reply + 1] = tonumber(string.match(entry[1], '^%d+'))
        reply[#reply + 1] = entry[2][2]
      end
    end
    replies[#replies + 1] = reply
  end
end
return replies
