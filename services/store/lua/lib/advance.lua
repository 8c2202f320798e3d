-- One step of the machine: the only place that changes a task's state. It appends the state event, writes the record, and moves the task
-- from the index of its old state to that of the new one.

-- Writes the record with one more state event, and tells it. `outcome`: nil keeps what is there, a string replaces it, { more } adds to it. The event
-- belongs to the attempt that begins with it, or else to that of the event before.
local function write(t, cause, now, outcome)
  local bytes, body_end = t[BYTES], HEADER + t[BODY_LEN]
  local events_end = body_end + EVENT * t[VERSION]
  local attempt = 0
  if cause == LEASED then
    attempt = attempt_of(t)
  elseif t[VERSION] > 0 then
    attempt = string.byte(bytes, events_end - EVENT + 7)
  end
  local after = ''
  if type(outcome) == 'string' then
    after = outcome
  else
    if events_end < #bytes then after = sub(bytes, events_end + 1) end
    if outcome then after = after .. outcome[1] end
  end
  local before = sub(bytes, HEADER + 1, events_end)
  if t.cut then
    before = sub(bytes, HEADER + 1, body_end - t.cut) .. sub(bytes, body_end + 1, events_end)
    t[BODY_LEN] = t[BODY_LEN] - t.cut
  end
  t[VERSION], t[SEQUENCE] = t[VERSION] + 1, t[SEQUENCE] + 1
  local event = pack('>I4BBBI6', t[SEQUENCE], t[STATE], cause, attempt, now)
  t[BYTES] = header_bytes(t) .. before .. event .. after
  store(t[KEY], t[BYTES])
  hint_event(t, event)
end

-- Writes a changed header; no event, so nobody needs to know.
local function rewrite(t)
  t[BYTES] = header_bytes(t) .. sub(t[BYTES], HEADER + 1)
  store(t[KEY], t[BYTES])
end

-- What the bytes counter of the queue counts: header and body, which do not change while the task is unfinished.
local function size_of(t) return HEADER + t[BODY_LEN] end

local function finish(t, now)
  local retention, cut = policy(t)
  if retention == 0 then retention = t[STATE] == FAILED and rules.failed_retention or rules.retention end
  if t[STATE] == SUCCEEDED and cut > 0 then t.cut = cut end
  t[DEADLINE] = now + retention
  add(DONE, t[DEADLINE], t[ID])
  hint_deadline(DONE, t[DEADLINE], now)
  if t[STATE] == FAILED then add(dead_key(t[LINE]), now, t[ID]) end
  if has(t, F_EXPIRES) then remove(EXPIRY, t[ID]) end
  if has(t, F_KEY) then redis.call('PEXPIRE', idempotency_key(t[LINE], key_digest(t)), rules.key_retention) end
end

-- Moves the task to state `to`. The caller has set what else changes (counters of attempts, deadline, fence) and has checked the guard.
local function advance(t, to, cause, now, outcome, to_head)
  local from, lane, size = t[STATE], lane_of_task(t), size_of(t)
  lane.change[from] = lane.change[from] - 1
  lane.change[to] = lane.change[to] + 1
  if from == SCHEDULED then
    remove(DUE, t[ID])
  elseif from == RUNNING then
    remove(LEASE, t[ID])
  end
  t[STATE] = to
  if to == SCHEDULED then
    add(DUE, t[DEADLINE], t[ID])
    hint_deadline(DUE, t[DEADLINE], now)
  elseif to == QUEUED then
    push_ready(t, to_head)
  elseif to == RUNNING then
    add(LEASE, t[DEADLINE], t[ID])
    hint_deadline(LEASE, t[DEADLINE], now)
  else
    finish(t, now)
    lane.bytes = lane.bytes - size
  end
  write(t, cause, now, outcome)
  if to >= SUCCEEDED then kept_change = kept_change + #t[BYTES] end
end

-- Sets a flag of a running task and tells its watchers, without a change of state.
local function request_stop(t, flag, cause, now, outcome)
  t[FLAGS] = bit.bor(t[FLAGS], flag)
  write(t, cause, now, outcome)
  hinted.cancel[#hinted.cancel + 1] = t[ID]
end

-- How long the attempt has run: no step of the clock counts for more than one lease, so that a jump cannot time it out.
local function run_ms(t, now) return t[RUN_MS] + math.max(0, math.min(now - t[MARK], rules.lease_ttl)) end

-- Where an attempt ends that was asked to stop and did not succeed; nil if nobody asked.
local function stop_state(t)
  if has(t, F_CANCEL) then return CANCELLED end
  if has(t, F_EXPIRY_PASSED) then return EXPIRED end
end
