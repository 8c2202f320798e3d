-- Identity of the store. ARGV[1] is the store_id that the caller started with: a server that was emptied or swapped is refused before
-- anything is written.
local store_id = redis.call('HGET', KEYS[1], 'store_id')
if store_id ~= ARGV[1] then
  return redis.error_reply('STORECHANGED the store has another identity than this process started with')
end
