-- Keys. KEYS[1] is `<prefix>{<shard>}:meta`, which declares the shard. Every other key is made here and nowhere else, from that prefix,
-- a fixed word, and ids or names that were validated by the caller or read from the store: always the same slot.
local P = string.sub(KEYS[1], 1, -5)
local LEASE, DUE, EXPIRY, DONE = P .. 'lease', P .. 'due', P .. 'expiry', P .. 'done'
local EVENTS, SIGNALS, NAMES, STAT = P .. 'ev', P .. 'sg', P .. 'names', P .. 'stat'

local function task_key(id) return P .. 't:' .. id end
local function log_key(id) return P .. 'l:' .. id end
local function queue_key(line) return P .. 'q:' .. line end
local function ready_key(line, kind, priority) return P .. 'r:' .. line .. '/' .. kind .. '/' .. priority end
local function dead_key(line) return P .. 'dl:' .. line end
local function idempotency_key(line, digest) return P .. 'i:' .. line .. '/' .. digest end
local function request_key(digest) return P .. 'rq:' .. digest end
local function bell_key(line, kind) return P .. 'bell:' .. line .. '/' .. kind end
