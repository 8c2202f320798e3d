-- Time: milliseconds of the server's own clock. The only clock of the whole system (docs/adr/0002).
local function time_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
