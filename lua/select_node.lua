-- Which node serves this job? One selection, in one atomic step.
--
-- ARGV[1]  language pair, source first: "zh:en"
-- ARGV[2]  job id to bind to the node, or empty: no job-level binding
-- ARGV[3]  turn id whose affinity is read, or empty: no affinity
-- returns  a node id, or nil where the pair has no candidate (TA-SEL-7)
--
-- Reads one field of one turn key, and changes no turn key and no session hash (TA-SEL-5, TA-SEL-6).
-- No KEYS are declared, since which pools are asked depends on what is read.

-- LAYOUT: the names of keys and fields; the loader writes this block anew for other names
local function turn_key(turn_id) return 'scheduler:turn:' .. turn_id end
local function node_key(node_id) return 'lingua:v1:node:' .. node_id end
local function node_pools_key(node_id) return 'lingua:v1:node:' .. node_id .. ':pools' end
local function pool_key(pair, pool_id) return 'lingua:v1:pool:' .. pair .. ':' .. pool_id .. ':nodes' end
local function pool_key_ends(pair) return 'lingua:v1:pool:' .. pair .. ':', ':nodes' end
local function job_key(job_id) return 'lingua:v1:job:' .. job_id .. ':node' end
local function pool_index_key() return nil end
local AFFINITY_FIELD = 'affinity_node_id'
local JOB_TTL_S = 3600
-- LAYOUT END

local call = redis.call
local pair, job_id, turn_id = ARGV[1], ARGV[2], ARGV[3]

-- READ: is the job bound already?
if job_id ~= '' then
  local bound = call('GET', job_key(job_id))
  -- DECIDE (TA-BIND-2)
  if bound then
    if bound ~= '' and call('EXISTS', node_key(bound)) == 1 then return bound end
    call('DEL', job_key(job_id))
  end
end

-- READ: the turn's affinity, once; an empty turn id names no turn
local recorded = turn_id ~= '' and call('HGET', turn_key(turn_id), AFFINITY_FIELD)

-- DECIDE (TA-SEL-1): the recorded node, if it is online and in a pool of this pair.
-- Its own hash names the pool, so that the cost does not grow with the number of pools (TA-SEL-9)
if recorded and recorded ~= '' and call('EXISTS', node_key(recorded)) == 1 then
  local pool_id = call('HGET', node_pools_key(recorded), pair)
  if pool_id and call('SISMEMBER', pool_key(pair, pool_id), recorded) == 1 then
    -- WRITE
    if job_id ~= '' then call('SET', job_key(job_id), recorded, 'EX', JOB_TTL_S) end
    return recorded
  end
end

-- READ: the pools of the pair, with their sizes
local POOL_IDS = 1000 -- ids run from 0 to 999
local WINDOW = 50 -- so many ids are asked in one EXISTS
local GAP = 40 -- a gap of up to so many ids hides no pool

local keys, sizes, total = {}, {}, 0

-- written out, and not as a loop over numbers: Lua takes longer to turn a number into text than Redis to look up a key
local function window_keys(first_id)
  local before, z = pool_key_ends(pair)
  local tens = first_id / 10
  local a = tens == 0 and before or before .. tens
  local b, c, d, e = before .. tens + 1, before .. tens + 2, before .. tens + 3, before .. tens + 4
  return {
    a .. '0' .. z, a .. '1' .. z, a .. '2' .. z, a .. '3' .. z, a .. '4' .. z,
    a .. '5' .. z, a .. '6' .. z, a .. '7' .. z, a .. '8' .. z, a .. '9' .. z,
    b .. '0' .. z, b .. '1' .. z, b .. '2' .. z, b .. '3' .. z, b .. '4' .. z,
    b .. '5' .. z, b .. '6' .. z, b .. '7' .. z, b .. '8' .. z, b .. '9' .. z,
    c .. '0' .. z, c .. '1' .. z, c .. '2' .. z, c .. '3' .. z, c .. '4' .. z,
    c .. '5' .. z, c .. '6' .. z, c .. '7' .. z, c .. '8' .. z, c .. '9' .. z,
    d .. '0' .. z, d .. '1' .. z, d .. '2' .. z, d .. '3' .. z, d .. '4' .. z,
    d .. '5' .. z, d .. '6' .. z, d .. '7' .. z, d .. '8' .. z, d .. '9' .. z,
    e .. '0' .. z, e .. '1' .. z, e .. '2' .. z, e .. '3' .. z, e .. '4' .. z,
    e .. '5' .. z, e .. '6' .. z, e .. '7' .. z, e .. '8' .. z, e .. '9' .. z,
  }
end

local index_key = pool_index_key(pair)
if index_key then
  for _, pool_id in ipairs(call('SMEMBERS', index_key)) do
    local key = pool_key(pair, pool_id)
    local size = call('SCARD', key)
    if size > 0 then keys[#keys + 1], sizes[#sizes + 1], total = key, size, total + size end
  end
else
  local first, last_found = 0, 0
  -- a pool that emptied leaves a gap: the ids after it are still pools (TA-SEL-10).
  -- All 1000 ids are asked only where none of them is a pool so far
  local function gap_may_go_on()
    local empty = first - last_found - 1
    return empty < GAP or (empty == GAP and call('EXISTS', pool_key(pair, first)) == 1)
  end
  while first < POOL_IDS and (total == 0 or gap_may_go_on()) do
    local window, at = window_keys(first), 0
    local left = call('EXISTS', unpack(window))
    while left > 0 do
      at = at + 1
      local size = call('SCARD', window[at])
      if size > 0 then
        keys[#keys + 1], sizes[#sizes + 1], total = window[at], size, total + size
        last_found, left = first + at - 1, left - 1
      end
    end
    first = first + WINDOW
  end
end

-- DECIDE (TA-SEL-2, TA-SEL-3, TA-SEL-4): a random candidate; each node has the same chance, whatever its pool's size.
-- math.random starts alike after each server start, so that the first jobs of every start would go to the same
-- nodes. Shifted by the clock's microseconds they do not, and the draw stays as even as math.random makes it
local shift = call('TIME')[2]

-- SRANDMEMBER is not used: on the large sets of Redis 7.0 some members come up several times as often as others
local members = {}
while total > 0 do
  local rank, pool = (math.random(total) + shift) % total + 1, 1
  while rank > sizes[pool] do
    rank, pool = rank - sizes[pool], pool + 1
  end
  members[pool] = members[pool] or call('SMEMBERS', keys[pool])
  local node_id = members[pool][rank]
  if call('EXISTS', node_key(node_id)) == 1 then
    -- WRITE
    if job_id ~= '' then call('SET', job_key(job_id), node_id, 'EX', JOB_TTL_S) end
    return node_id
  end
  -- a node that is gone leaves every pool that it was in, so that nobody draws it again
  local its_pools = call('HGETALL', node_pools_key(node_id))
  for i = 1, #its_pools, 2 do call('SREM', pool_key(its_pools[i], its_pools[i + 1]), node_id) end
  call('SREM', keys[pool], node_id)
  call('DEL', node_pools_key(node_id))
  table.remove(members[pool], rank)
  sizes[pool], total = sizes[pool] - 1, total - 1
end

-- DECIDE (TA-SEL-7): no candidate is nil, not an empty text and not an error
return false
