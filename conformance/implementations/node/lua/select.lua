-- Which node serves this job?  ARGV: pair, job id or empty, turn id or empty, a random number of the caller's.
-- $names are put in by scheduler.js: keys as expressions over the parameter's name, fields as texts.
local function turn_key(turn_id) return $turn end
local function node_key(node_id) return $node end
local function node_pools_key(node_id) return $node_pools end
local function pool_key(pair, pool_id) return $pool end
local function job_key(job_id) return $job end
local function pool_index_key(pair) return $pool_index end

local pair, job_id, turn_id, state = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local function online(node_id) return redis.call('EXISTS', node_key(node_id)) == 1 end

local function bound_node()
  if job_id == '' then return false end
  local bound = redis.call('GET', job_key(job_id))
  if bound and not online(bound) then
    redis.call('DEL', job_key(job_id))
    return false
  end
  return bound
end

local function affinity_node()
  if turn_id == '' then return false end
  local node_id = redis.call('HGET', turn_key(turn_id), $affinity_field)
  if not node_id or node_id == '' or not online(node_id) then return false end
  local pool_id = redis.call('HGET', node_pools_key(node_id), pair)
  return pool_id and redis.call('SISMEMBER', pool_key(pair, pool_id), node_id) == 1 and node_id
end

-- the caller's number is the start: math.random begins alike after each start of a server
local function draw(count)
  state = (state * 16807) % 2147483647
  return state % count + 1
end

-- ids are asked 48 at a time until nothing is found, so that a gap hides no pool
local function pools()
  local found, index = {}, pool_index_key(pair)
  if index then
    for _, pool_id in ipairs(redis.call('SMEMBERS', index)) do found[#found + 1] = pool_key(pair, pool_id) end
    return found
  end
  for first = 0, 999, 48 do
    local window = {}
    for pool_id = first, math.min(first + 47, 999) do window[#window + 1] = pool_key(pair, pool_id) end
    local there = redis.call('EXISTS', unpack(window))
    if there == 0 then break end
    for _, key in ipairs(window) do
      if there == 0 then break end
      if redis.call('EXISTS', key) == 1 then
        found[#found + 1], there = key, there - 1
      end
    end
  end
  return found
end

-- a pool first, then a node of it that is online; a pool without one is put aside
local function random_node()
  local keys = pools()
  while #keys > 0 do
    local key = table.remove(keys, draw(#keys))
    local nodes = {}
    for _, node_id in ipairs(redis.call('SMEMBERS', key)) do
      if online(node_id) then nodes[#nodes + 1] = node_id end
    end
    if #nodes > 0 then return nodes[draw(#nodes)] end
  end
  return false
end

local bound = bound_node()
if bound then return bound end
local node_id = affinity_node() or random_node()
if node_id and job_id ~= '' then redis.call('SET', job_key(job_id), node_id, 'EX', $job_ttl_s) end
return node_id
