-- T4 complete: RUNNING -> SUCCEEDED, or FAILED if the output is too large, for a batch of leases.
-- Guarantee: accepted however late, as long as nobody else was granted the task; wins over a pending cancel request. Said again: same answer.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each lease: id, fence, nonce, ok|large, outcome
-- Replies, one for each lease: {id, done, state, 0} | {id, lost}
local now = time_ms()
local replies = {}
for at = 3, #ARGV, 5 do
  local id, fence, nonce, mode, outcome = unpack(ARGV, at, at + 4)
  local t, reply = owned(id, fence, nonce, SETTLED_COMPLETE)
  if t then
    t.settled = SETTLED_COMPLETE
    advance(t, mode == 'ok' and SUCCEEDED or FAILED, FINISHED, now, outcome)
    reply = done(t)
  end
  replies[#replies + 1] = reply
end
flush()
return replies
