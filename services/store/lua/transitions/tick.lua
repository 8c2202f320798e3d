-- Tick: one bounded step of maintenance for a shard. T1 promote, T6 reap, T13 expire, T11 purge.
-- Guarantee: every time and state is read again here, so any number of callers may tick at once. A crash is charged even though the
-- worker is dead. FAILED tasks are purged by their own retention only, never for space, and counted apart.
-- KEYS[1] <prefix>{<shard>}:meta
-- ARGV[1] store_id  [2] rules  [3] reap (0|1)  [4] a random number in [0, 1)  [5] bound of each kind of work
--         [6] outcome of a reaped attempt  [7] of the crash limit  [8] of attempts used up  [9] limit of bytes of finished tasks (0: none)
-- Reply: {promoted, reaped, crashed out, expired, stopped, purged, of these FAILED, evicted, next deadline or 0, now, more (0|1)}
local now = time_ms()
local random, bound = tonumber(ARGV[4]), tonumber(ARGV[5])
local promoted, reaped, crashed_out, ended, stopped, purged, purged_failed, evicted, more = 0, 0, 0, 0, 0, 0, 0, 0, 0
local EVICTION_PAGES = 8

local function due(index)
  local ids = redis.call('ZRANGEBYSCORE', index, '-inf', string.format('%.0f', now), 'LIMIT', 0, bound)
  if #ids == bound then more = 1 end
  return ids
end

-- The i-th number of a low-discrepancy sequence in [0, 1): spreads tasks that are reaped together (additive recurrence with the golden ratio).
local function spread(i) return (random + i * 0.6180339887498949) % 1 end

for _, id in ipairs(due(DUE)) do
  local t = load(id)
  if t and t[STATE] == SCHEDULED and t[DEADLINE] <= now then
    t[DEADLINE] = 0
    advance(t, QUEUED, WAS_DUE, now)
    promoted = promoted + 1
  else
    remove(DUE, id) -- left behind; the reconciler puts it where it belongs
  end
end
flush()

local function reap(t, i)
  t[SETTLED] = SETTLED_REAP
  t[CRASHES] = t[CRASHES] + 1
  local stop = stop_state(t)
  if stop then
    advance(t, stop, FINISHED, now)
    stopped = stopped + 1
  elseif t[CRASHES] >= rules.crash_limit then
    advance(t, FAILED, FINISHED, now, ARGV[7])
    crashed_out = crashed_out + 1
  elseif t[FAILURES] + t[CRASHES] >= t[MAX_ATTEMPTS] then
    advance(t, FAILED, FINISHED, now, ARGV[8])
    crashed_out = crashed_out + 1
  else
    t[DEADLINE] = now + math.floor(rules.reap_delay * spread(i))
    advance(t, SCHEDULED, CRASHED, now, ARGV[6])
    reaped = reaped + 1
  end
end

if ARGV[3] == '1' then
  for i, id in ipairs(due(LEASE)) do
    local t = load(id)
    if not t or t[STATE] ~= RUNNING then
      remove(LEASE, id)
    elseif t[DEADLINE] <= now then
      reap(t, i)
    else
      add(LEASE, t[DEADLINE], id)
    end
  end
  -- A clock that stepped back leaves leases that end too late: clamp them, so that recovery waits one lease at most.
  local latest = now + 2 * rules.lease_ttl + 5000
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASE, string.format('(%.0f', latest), '+inf', 'LIMIT', 0, bound)) do
    local t = load(id)
    if t and t[STATE] == RUNNING then
      t[DEADLINE] = now + rules.lease_ttl
      rewrite(t)
      add(LEASE, t[DEADLINE], id)
    end
  end
  flush()
end

for _, id in ipairs(due(EXPIRY)) do
  local t = load(id)
  if not t or t[STATE] >= SUCCEEDED then
    remove(EXPIRY, id)
  elseif t[STATE] == RUNNING then
    remove(EXPIRY, id)
    request_stop(t, F_EXPIRY_PASSED, EXPIRY_REQUESTED, now)
    stopped = stopped + 1
  else
    advance(t, EXPIRED, FINISHED, now)
    ended = ended + 1
  end
end
flush()

local function purge(t)
  redis.call('DEL', task_key(t[ID]))
  tasks[t[ID]] = false
  if has(t, F_LOG) then redis.call('DEL', log_key(t[ID])) end
  remove(DONE, t[ID])
  if t[STATE] == FAILED then remove(dead_key(t[LINE]), t[ID]) end
  local change = lane_of_task(t).change
  change[t[STATE]] = change[t[STATE]] - 1
  kept_change = kept_change - #t[BYTES]
end

for _, id in ipairs(due(DONE)) do
  local t = load(id)
  if t and t[STATE] >= SUCCEEDED and t[DEADLINE] <= now then
    purge(t)
    purged = purged + 1
    if t[STATE] == FAILED then purged_failed = purged_failed + 1 end
  else
    remove(DONE, id)
  end
end
flush()

local kept_limit = tonumber(ARGV[9])
local kept_before = tonumber(redis.call('HGET', STAT, 'kept_bytes') or '0')
local function kept() return kept_before + kept_change end
if kept_limit > 0 and kept() > kept_limit then
  -- Those that would go next by their retention go first. FAILED ones, which stay, are stepped over.
  for page = 0, EVICTION_PAGES - 1 do
    local ids = redis.call('ZRANGE', DONE, page * bound, (page + 1) * bound - 1)
    for _, id in ipairs(ids) do
      if evicted >= bound or kept() <= kept_limit then break end
      local t = load(id)
      if t and t[STATE] >= SUCCEEDED and t[STATE] ~= FAILED then
        purge(t)
        evicted = evicted + 1
      end
    end
    if #ids < bound then break end
  end
  if evicted > 0 and kept() > kept_limit then more = 1 end
  flush()
end

local next_deadline = 0
for _, index in ipairs({ DUE, LEASE, EXPIRY, DONE }) do
  local first = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')
  local score = first[2] and tonumber(first[2])
  if score and (index ~= LEASE or ARGV[3] == '1') and (next_deadline == 0 or score < next_deadline) then next_deadline = score end
end
return {
  promoted, reaped, crashed_out, ended, stopped, purged, purged_failed, evicted,
  string.format('%.0f', next_deadline), string.format('%.0f', now), more,
}
