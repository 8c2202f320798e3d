-- T5 fail: RUNNING -> SCHEDULED (another attempt) or FAILED (permanent, or attempts used up), for a batch of leases. If a cancel or expiry
-- request was pending: -> CANCELLED or EXPIRED.
-- Guarantee: charged once; the delay is computed by the caller. Said again: same answer.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules; then for each lease: id, fence, nonce, permanent (0|1), delay ms, outcome
-- Replies, one for each lease: {id, done, state, due ms or 0} | {id, lost}
local now = time_ms()
local replies = {}
prefetch_entries(3, 6)
for at = 3, #ARGV, 6 do
  local id, fence, nonce, permanent, delay, outcome = unpack(ARGV, at, at + 5)
  local t, reply = owned(id, fence, nonce, SETTLED_FAIL)
  if t then
    t[SETTLED] = SETTLED_FAIL
    fail_attempt(t, permanent == '1', delay, outcome, now)
    reply = done(t)
  end
  replies[#replies + 1] = reply
end
flush()
return replies
