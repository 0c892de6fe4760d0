-- Which node serves this job?
-- ARGV[1] pair, "zh:en"   ARGV[2] job id or empty   ARGV[3] turn id or empty   returns a node id or nil
local pair, job_id, turn_id = ARGV[1], ARGV[2], ARGV[3]

local function node_key(node_id) return 'lingua:v1:node:' .. node_id end
local function pool_key(pool_id) return 'lingua:v1:pool:' .. pair .. ':' .. pool_id .. ':nodes' end
local function job_key() return 'lingua:v1:job:' .. job_id .. ':node' end
local function online(node_id) return redis.call('EXISTS', node_key(node_id)) == 1 end

local function bind(node_id)
  if job_id ~= '' then redis.call('SET', job_key(), node_id, 'EX', 3600) end
  return node_id
end

-- a job that is bound to an online node keeps it (TA-BIND-2)
if job_id ~= '' then
  local bound = redis.call('GET', job_key())
  if bound and online(bound) then return bound end
  if bound then redis.call('DEL', job_key()) end
end

-- the turn's node, read once, if it is online and serves the pair (TA-SEL-1, TA-SEL-3, TA-SEL-4)
if turn_id ~= '' then
  local node_id = redis.call('HGET', 'scheduler:turn:' .. turn_id, 'affinity_node_id')
  if node_id and node_id ~= '' and online(node_id) then
    local pool_id = redis.call('HGET', node_key(node_id) .. ':pools', pair)
    if pool_id and redis.call('SISMEMBER', pool_key(pool_id), node_id) == 1 then return bind(node_id) end
  end
end

-- else any node that is online in a pool of the pair (TA-SEL-2); ids are asked 50 at a time, past gaps (TA-SEL-10)
local candidates = {}
for first = 0, 950, 50 do
  local keys = {}
  for pool_id = first, first + 49 do keys[#keys + 1] = pool_key(pool_id) end
  if redis.call('EXISTS', unpack(keys)) == 0 then break end
  for _, node_id in ipairs(redis.call('SUNION', unpack(keys))) do
    if online(node_id) then candidates[#candidates + 1] = node_id end
  end
end
if #candidates == 0 then return false end -- nil to the caller (TA-SEL-7)

-- math.random starts alike after each start of a server: the clock moves where it starts, not how even it is
local shift = tonumber(redis.call('TIME')[2])
return bind(candidates[(math.random(#candidates) + shift) % #candidates + 1])
