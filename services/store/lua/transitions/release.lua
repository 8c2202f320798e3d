-- T7 release: RUNNING -> QUEUED, to the head of the line; T9 cancel-ack: RUNNING -> CANCELLED or EXPIRED. For a batch of leases.
-- Guarantee: no attempt is charged. A release by the handler's wish (counted) is limited: the one over the limit ends in FAILED.
-- With a cancel or expiry request pending every release agrees to it.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules  [3] outcome of a task released too often; then for each lease: id, fence, nonce, counted|uncounted
-- Replies, one for each lease: {id, done, state, 0} | {id, lost}
local now = time_ms()
local replies = {}
prefetch_entries(4, 4)
for at = 4, #ARGV, 4 do
  local id, fence, nonce, mode = unpack(ARGV, at, at + 3)
  local t, reply = owned(id, fence, nonce, SETTLED_RELEASE)
  if t then
    t[SETTLED] = SETTLED_RELEASE
    local stopped = stop_state(t)
    if stopped then
      advance(t, stopped, FINISHED, now)
    elseif mode == 'counted' and t[RELEASES] >= rules.release_limit then
      advance(t, FAILED, FINISHED, now, ARGV[3])
    else
      if mode == 'counted' then t[RELEASES] = t[RELEASES] + 1 end
      t[DEADLINE], t[RUN_MS] = 0, 0
      advance(t, QUEUED, RELEASED, now, nil, true)
    end
    reply = done(t)
  end
  replies[#replies + 1] = reply
end
flush()
return replies
