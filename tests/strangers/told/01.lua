-- WRONG: a selection that follows the affinity sets the turn key's TTL anew (EXPIRE 300; TA-NEVER-1, TA-SEL-6), line 49
local JOB_TTL = 3600
local MAX_POOLS = 1000

local pair = ARGV[1]
local job_id = ARGV[2] or ''
local turn_id = ARGV[3] or ''

local function node_online(id)
  return redis.call('EXISTS', 'lingua:v1:node:' .. id) == 1
end

local function pool_set(id)
  return 'lingua:v1:pool:' .. pair .. ':' .. id .. ':nodes'
end

local function job_binding()
  return 'lingua:v1:job:' .. job_id .. ':node'
end

local function bind(node_id)
  if job_id ~= '' then
    redis.call('SET', job_binding(), node_id, 'EX', JOB_TTL)
  end
end

local function serves_pair(node_id)
  local pool_id = redis.call('HGET', 'lingua:v1:node:' .. node_id .. ':pools', pair)
  if not pool_id then return false end
  return redis.call('SISMEMBER', pool_set(pool_id), node_id) == 1
end

-- 1. a job that has its node already
if job_id ~= '' then
  local bound = redis.call('GET', job_binding())
  if bound and bound ~= '' and node_online(bound) then
    return bound
  elseif bound then
    redis.call('DEL', job_binding())
  end
end

-- 2. affinity of the turn
if turn_id ~= '' then
  local turn = 'scheduler:turn:' .. turn_id
  local node_id = redis.call('HGET', turn, 'affinity_node_id')
  if node_id and node_id ~= '' and node_online(node_id) and serves_pair(node_id) then
    bind(node_id)
    redis.call('EXPIRE', turn, 300)
    return node_id
  end
end

-- 3. any candidate
local candidates = {}
for id = 0, MAX_POOLS - 1 do
  for _, node_id in ipairs(redis.call('SMEMBERS', pool_set(id))) do
    if node_online(node_id) then
      candidates[#candidates + 1] = node_id
    end
  end
end
if #candidates == 0 then return nil end

local chosen = candidates[math.random(1, #candidates)]
bind(chosen)
return chosen
