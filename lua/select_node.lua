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
local UNITS = { '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' }
local POOL_IDS = 1000 -- ids run from 0 to 999
local WINDOW = 48 -- a gap of up to so many ids hides no pool

local keys, sizes, total = {}, {}, 0

local function add_if_filled(key)
  local size = call('SCARD', key)
  if size == 0 then return false end
  keys[#keys + 1], sizes[#sizes + 1], total = key, size, total + size
  return true
end

local index_key = pool_index_key(pair)
if index_key then
  for _, pool_id in ipairs(call('SMEMBERS', index_key)) do add_if_filled(pool_key(pair, pool_id)) end
else
  -- keys by pool id + 1, made ten at a time: to turn a number into text costs three times as much as to join texts
  local by_id = {}
  local before, after = pool_key_ends(pair)
  local function make_keys_up_to(pool_id)
    for tens = #by_id / 10, math.floor(pool_id / 10) do
      local head = tens == 0 and before or before .. tens
      for _, unit in ipairs(UNITS) do by_id[#by_id + 1] = head .. unit .. after end
    end
  end

  local pool_id, ahead = 0, 0
  while pool_id < POOL_IDS do
    make_keys_up_to(pool_id)
    if add_if_filled(by_id[pool_id + 1]) then
      ahead = ahead - 1
    elseif ahead <= 0 then
      -- a pool that emptied leaves a gap: the ids after it are still pools (TA-SEL-10). One EXISTS looks over the gap;
      -- all 1000 ids are asked only where nothing was found yet
      local last = math.min(pool_id + WINDOW, POOL_IDS - 1)
      make_keys_up_to(last)
      ahead = last > pool_id and call('EXISTS', unpack(by_id, pool_id + 2, last + 1)) or 0
      if ahead == 0 then
        if total > 0 then break end
        pool_id = last
      end
    end
    pool_id = pool_id + 1
  end
end

-- DECIDE (TA-SEL-2, TA-SEL-3, TA-SEL-4): a random candidate; each node has the same chance, whatever its pool's size.
-- math.random starts alike after each server start, so that the first jobs of every start would go to the same
-- nodes. A shift that differs between processes (a memory address, the clock) leaves it as even as it is.
local function draw_up_to(count)
  local now = call('TIME')
  local address = tonumber(string.match(tostring(now), '0x%x+')) or 0
  return (math.random(count) + now[2] + address % 1000003) % count + 1
end

-- a node that is gone leaves every pool that it was in, so that nobody draws it again
local function remove_gone(node_id, drawn_from)
  call('SREM', drawn_from, node_id)
  local pools = call('HGETALL', node_pools_key(node_id))
  for i = 1, #pools, 2 do call('SREM', pool_key(pools[i], pools[i + 1]), node_id) end
  call('DEL', node_pools_key(node_id))
end

-- SRANDMEMBER is not used: on the large sets of Redis 7.0 some members come up several times as often as others
local members = {}
while total > 0 do
  local rank, pool = draw_up_to(total), 1
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
  remove_gone(node_id, keys[pool])
  table.remove(members[pool], rank)
  sizes[pool], total = sizes[pool] - 1, total - 1
end

-- DECIDE (TA-SEL-7): no candidate is nil, not an empty text and not an error
return false
