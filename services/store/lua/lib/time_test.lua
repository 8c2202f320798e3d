-- Time for tests, built in by the feature `test-clock` only: taken from a key that the test sets.
local function time_ms()
  local set = redis.call('GET', string.sub(KEYS[1], 1, -5) .. 'clock')
  if set then return tonumber(set) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
