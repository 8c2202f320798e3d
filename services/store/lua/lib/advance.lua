-- One step of the machine: the only place that changes a task's state. It appends the state event, writes the record, and moves the task
-- from the index of its old state to that of the new one.

-- Writes the record with one more state event. `outcome`: nil keeps what is there, a string replaces it, { more } adds to it. The event
-- belongs to the attempt that begins with it, or else to that of the event before.
local function write(t, cause, now, outcome)
  local events_end = HEADER + t.body_len + EVENT * t.version
  local before = string.sub(t.bytes, HEADER + 1, events_end)
  local after = string.sub(t.bytes, events_end + 1)
  local attempt = 0
  if cause == LEASED then
    attempt = attempt_of(t)
  elseif t.version > 0 then
    attempt = string.byte(t.bytes, events_end - EVENT + 7)
  end
  if type(outcome) == 'table' then after = after .. outcome[1] elseif outcome then after = outcome end
  if t.cut then
    local body_end = t.body_len
    before = string.sub(before, 1, body_end - t.cut) .. string.sub(before, body_end + 1)
    t.body_len = t.body_len - t.cut
  end
  t.version = t.version + 1
  t.sequence = t.sequence + 1
  local event = struct.pack('>I4BBBI6', t.sequence, t.state, cause, attempt, now)
  t.bytes = header_bytes(t) .. before .. event .. after
  redis.call('SET', task_key(t.id), t.bytes)
end

-- What the bytes counter of the queue counts: header and body, which do not change while the task is unfinished.
local function size_of(t) return HEADER + t.body_len end

local function leave(t)
  count(t.line, STATE_FIELD[t.state], -1)
  if t.state == SCHEDULED then
    remove(DUE, t.id)
  elseif t.state == QUEUED then
    count(t.line, 'k:' .. t.kind, -1)
  elseif t.state == RUNNING then
    remove(LEASE, t.id)
    count(t.line, 'u:' .. t.kind, -1)
  end
end

local function finish(t, now)
  local retention, cut = policy(t)
  if retention == 0 then retention = t.state == FAILED and rules.failed_retention or rules.retention end
  if t.state == SUCCEEDED and cut > 0 then t.cut = cut end
  t.deadline = now + retention
  add(DONE, t.deadline, t.id)
  hint_deadline(DONE, t.deadline, now)
  if t.state == FAILED then add(dead_key(t.line), now, t.id) end
  if has(t, F_EXPIRES) then remove(EXPIRY, t.id) end
  if has(t, F_KEY) then redis.call('PEXPIRE', idempotency_key(t.line, key_digest(t)), rules.key_retention) end
end

-- Moves the task to state `to`. The caller has set what else changes (counters of attempts, deadline, fence) and has checked the guard.
local function advance(t, to, cause, now, outcome, to_head)
  local size = size_of(t)
  leave(t)
  t.state = to
  if to == SCHEDULED then
    add(DUE, t.deadline, t.id)
    hint_deadline(DUE, t.deadline, now)
  elseif to == QUEUED then
    count(t.line, 'k:' .. t.kind, 1)
    push_ready(t, to_head)
  elseif to == RUNNING then
    add(LEASE, t.deadline, t.id)
    count(t.line, 'u:' .. t.kind, 1)
    hint_deadline(LEASE, t.deadline, now)
  else
    finish(t, now)
  end
  count(t.line, STATE_FIELD[to], 1)
  write(t, cause, now, outcome)
  if to >= SUCCEEDED then
    count(t.line, 'bytes', -size)
    redis.call('HINCRBY', STAT, 'kept_bytes', #t.bytes)
  end
  hint_changed(t)
end

-- Sets a flag of a running task and tells its watchers, without a change of state.
local function request_stop(t, flag, cause, now, outcome)
  t.flags = bit.bor(t.flags, flag)
  write(t, cause, now, outcome)
  hint_changed(t)
  hinted.cancel[#hinted.cancel + 1] = t.id
end

-- How long the attempt has run: no step of the clock counts for more than one lease, so that a jump cannot time it out.
local function run_ms(t, now) return t.run_ms + math.max(0, math.min(now - t.mark, rules.lease_ttl)) end

-- Where an attempt ends that was asked to stop and did not succeed; nil if nobody asked.
local function stop_state(t)
  if has(t, F_CANCEL) then return CANCELLED end
  if has(t, F_EXPIRY_PASSED) then return EXPIRED end
end
