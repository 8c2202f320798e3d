-- T4 complete: RUNNING -> SUCCEEDED, or FAILED if the output is too large, for a batch of leases.
-- Guarantee: accepted however late, as long as nobody else was granted the task; wins over a pending cancel request. Said again: same answer.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each lease: id, fence, nonce, ok|large, outcome
-- Replies, one for each lease: {id, done, state, 0} | {id, lost}
local now = time_ms()
local replies = {}
prefetch_entries(3, 5)
for at = 3, #ARGV, 5 do
  local id, fence, nonce, mode, outcome = unpack(ARGV, at, at + 4)
  local t, reply = owned(id, fence, nonce, SETTLED_COMPLETE)
  if t then
    t[SETTLED] = SETTLED_COMPLETE
    -- A success keeps what is known of the attempts before; an error replaces it, but not the reason of a cancel request.
    local add = mode == 'ok' or stop_state(t)
    advance(t, mode == 'ok' and SUCCEEDED or FAILED, FINISHED, now, add and { outcome } or outcome)
    reply = done(t)
  end
  replies[#replies + 1] = reply
end
flush()
return replies
