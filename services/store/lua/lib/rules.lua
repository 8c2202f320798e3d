-- Rules. ARGV[2]: numbers in the order of the model's `Rules`, separated by spaces.
local rules = {}
do
  local names = { 'lease_ttl', 'crash_limit', 'release_limit', 'retention', 'failed_retention', 'key_retention', 'reap_delay',
    'timeout_grace', 'log_entries', 'log_bytes' }
  local at = 0
  for number in string.gmatch(ARGV[2], '%S+') do
    at = at + 1
    rules[names[at]] = tonumber(number)
  end
end
