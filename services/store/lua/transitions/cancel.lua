-- T8 cancel: SCHEDULED or QUEUED -> CANCELLED; RUNNING -> RUNNING with a cancel request. For a batch of tasks.
-- Guarantee: as quick in a long line as in an empty one: the id of a queued task stays in its line as a tombstone that lease skips.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each task: id, namespace, outcome that carries the reason
-- Replies, one for each task: {id, state, state} | {id, missing}
local now = time_ms()
local replies = {}
for at = 3, #ARGV, 3 do
  local id, namespace, outcome = unpack(ARGV, at, at + 2)
  local t = load(id)
  if not t or sub(t[LINE], 1, #namespace + 1) ~= namespace .. '/' then
    replies[#replies + 1] = { id, 'missing' }
  else
    if t[STATE] < RUNNING then
      advance(t, CANCELLED, FINISHED, now, { outcome })
    elseif t[STATE] == RUNNING and not has(t, F_CANCEL) then
      request_stop(t, F_CANCEL, CANCEL_REQUESTED, now, { outcome })
    end
    replies[#replies + 1] = { id, 'state', t[STATE] }
  end
end
flush()
return replies
