-- The guard of every owner action: (state, fence, nonce), never time (invariant I4). Answers the task, or nil and the reply: a repeat of
-- the settle that ended this very lease is answered with the state it led to, everything else is lost.
local function owned(id, fence, nonce, kind)
  local t = load(id)
  if not t or t.fence ~= tonumber(fence) or t.nonce ~= nonce then return nil, { id, 'lost' } end
  if t.state == RUNNING and t.settled == 0 then return t end
  if kind and t.settled == kind then return nil, { id, 'done', t.state, string.format('%.0f', t.state == SCHEDULED and t.deadline or 0) } end
  return nil, { id, 'lost' }
end

local function done(t)
  return { t.id, 'done', t.state, string.format('%.0f', t.state == SCHEDULED and t.deadline or 0) }
end

-- T5: charges one attempt. A stop request decides; else another attempt follows after the delay, if one is left.
local function fail_attempt(t, permanent, delay, outcome, now)
  t.failures = t.failures + 1
  local stopped = stop_state(t)
  if stopped then
    advance(t, stopped, FINISHED, now, { outcome })
  elseif permanent or t.failures + t.crashes >= t.max_attempts then
    advance(t, FAILED, FINISHED, now, outcome)
  else
    t.deadline = now + tonumber(delay)
    advance(t, SCHEDULED, RETRY, now, outcome)
  end
end
