-- T12 reconcile: finds tasks whose index disagrees with their record, and mends the index. The record is the truth.
-- Guarantee: `scan` writes nothing. `mend` judges each task again, so a task that has moved on is left alone. Tombstones are no disagreement:
-- a queued task is an orphan only when its line has passed its ready number.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules  [3] scan: [4] cursor  [5] about how many keys; or mend: [4...] ids
-- Reply: scan: {next cursor, suspicious id, ...}; mend: {ids mended, ...}
local function missing(index, t) return not redis.call('ZSCORE', index, t[ID]) end

-- The repairs a task needs, as functions.
local function repairs(t)
  local list = {}
  local function need(index, score)
    if missing(index, t) then list[#list + 1] = function() add(index, score, t[ID]) end end
  end
  if has(t, F_EXPIRES) and t[STATE] < SUCCEEDED and not has(t, F_EXPIRY_PASSED) then
    local _, _, expires_in = policy(t)
    need(EXPIRY, event_time(t, 1) + expires_in)
  end
  if t[STATE] == SCHEDULED then
    need(DUE, t[DEADLINE])
  elseif t[STATE] == RUNNING then
    need(LEASE, t[DEADLINE])
  elseif t[STATE] == QUEUED then
    if t[MARK] < passed_number(lane_of_task(t), t[PRIORITY])
      or redis.call('LLEN', ready_key(t[LINE], t[KIND], t[PRIORITY])) == 0 then
      list[#list + 1] = function()
        push_ready(t, false)
        rewrite(t)
        ring(t[LINE], t[KIND])
      end
    end
  else
    need(DONE, t[DEADLINE])
    if t[STATE] == FAILED then need(dead_key(t[LINE]), event_time(t, t[VERSION])) end
  end
  return list
end

if ARGV[3] == 'scan' then
  local page = redis.call('SCAN', ARGV[4], 'MATCH', P .. 't:*', 'COUNT', ARGV[5])
  local reply = { page[1] }
  for _, key in ipairs(page[2]) do
    local id = string.sub(key, #P + 3)
    local t = load(id)
    if t and #repairs(t) > 0 then reply[#reply + 1] = id end
  end
  return reply
end

local mended = {}
for at = 4, #ARGV do
  local t = load(ARGV[at])
  local list = t and repairs(t) or {}
  for _, repair in ipairs(list) do repair() end
  if #list > 0 then mended[#mended + 1] = ARGV[at] end
end
flush()
return mended
