-- T7 release: RUNNING -> QUEUED, to the head of the line; T9 cancel-ack: RUNNING -> CANCELLED or EXPIRED; T5: an attempt that was asked to
-- stop because it ran too long has failed. For a batch of leases.
-- Guarantee: a release charges no attempt. One by the handler's wish (counted, or a stop that nobody asked for) is limited: the one over the
-- limit ends in FAILED. With a cancel or expiry request pending every release agrees to it.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules  [3] outcome of a task released too often  [4] outcome of an attempt that ran too long; then for each lease:
-- id, fence, nonce, counted|uncounted|stop, delay ms before the next attempt
-- Replies, one for each lease: {id, done, state, due ms or 0} | {id, lost}
local now = time_ms()
local replies = {}
prefetch_entries(5, 5)
for at = 5, #ARGV, 5 do
  local id, fence, nonce, mode, delay = unpack(ARGV, at, at + 4)
  local t, reply = owned(id, fence, nonce, SETTLED_RELEASE)
  if t then
    t[SETTLED] = SETTLED_RELEASE
    local stopped = stop_state(t)
    if stopped then
      advance(t, stopped, FINISHED, now)
    elseif mode == 'stop' and run_ms(t, now) >= t[TIMEOUT] then
      fail_attempt(t, false, delay, ARGV[4], now)
    elseif mode ~= 'uncounted' and t[RELEASES] >= rules.release_limit then
      advance(t, FAILED, FINISHED, now, ARGV[3])
    else
      if mode ~= 'uncounted' then t[RELEASES] = t[RELEASES] + 1 end
      t[DEADLINE], t[RUN_MS] = 0, 0
      advance(t, QUEUED, RELEASED, now, nil, true)
    end
    reply = done(t)
  end
  replies[#replies + 1] = reply
end
flush()
return replies
