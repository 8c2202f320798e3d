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
