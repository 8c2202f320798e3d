-- The guard of every owner action: (state, fence, nonce), never time (invariant I4). Answers the task, or nil and the reply: a repeat of
-- the settle that ended this very lease is answered with the state it led to, everything else is lost.
local function done(t) return { t[ID], 'done', t[STATE], t[STATE] == SCHEDULED and string.format('%.0f', t[DEADLINE]) or '0' } end

local function owned(id, fence, nonce, kind)
  local t = load(id)
  if not t or t[FENCE] ~= tonumber(fence) or t[NONCE] ~= nonce then return nil, { id, 'lost' } end
  if t[STATE] == RUNNING and t[SETTLED] == 0 then return t end
  if kind and t[SETTLED] == kind then return nil, done(t) end
  return nil, { id, 'lost' }
end

-- Reads the tasks of all entries: ids are in ARGV from `first` on, one in `step` arguments.
local function prefetch_entries(first, step)
  local ids = {}
  for at = first, #ARGV, step do ids[#ids + 1] = ARGV[at] end
  prefetch(ids)
end

-- T5: charges one attempt. A stop request decides; else another attempt follows after the delay, if one is left.
local function fail_attempt(t, permanent, delay, outcome, now)
  t[FAILURES] = t[FAILURES] + 1
  local stopped = stop_state(t)
  if stopped then
    advance(t, stopped, FINISHED, now, { outcome })
  elseif permanent or t[FAILURES] + t[CRASHES] >= t[MAX_ATTEMPTS] then
    advance(t, FAILED, FINISHED, now, outcome)
  else
    t[DEADLINE] = now + tonumber(delay)
    advance(t, SCHEDULED, RETRY, now, outcome)
  end
end
