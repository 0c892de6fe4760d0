-- WRONG: the pools of the pair are found with KEYS, which walks the whole keyspace (TA-SEL-5), line 44
-- select a worker for one translation job (collect everybody, shuffle lazily, first one alive wins)
local job, turn = ARGV[2], ARGV[3]
local PAIR = ARGV[1]
local BIND_SECONDS = 60 * 60

local function get(key) return redis.call('GET', key) end
local function hget(key, field) return redis.call('HGET', key, field) end
local function alive(id) return redis.call('EXISTS', 'lingua:v1:node:' .. id) == 1 end
local function pool_name(n) return string.format('lingua:v1:pool:%s:%d:nodes', PAIR, n) end
local function binding_name() return 'lingua:v1:job:' .. job .. ':node' end

local function serves_pair(id)
  local n = hget('lingua:v1:node:' .. id .. ':pools', PAIR)
  if not n then return false end
  return redis.call('SISMEMBER', pool_name(tonumber(n)), id) == 1
end

local function bind(id)
  if job ~= '' then
    redis.call('SET', binding_name(), id, 'EX', BIND_SECONDS)
  end
end

local function existing_binding()
  if job == '' then return nil end
  local id = get(binding_name())
  if not id then return nil end
  if id ~= '' and alive(id) then return id end
  redis.call('DEL', binding_name())
  return nil
end

local function affinity_node()
  if turn == '' then return nil end
  local id = hget('scheduler:turn:' .. turn, 'affinity_node_id')
  if not id or id == '' then return nil end
  if alive(id) and serves_pair(id) then return id end
  return nil
end

local function everybody()
  local list = {}
  for _, key in ipairs(redis.call('KEYS', 'lingua:v1:pool:' .. PAIR .. ':*:nodes')) do
    for _, id in ipairs(redis.call('SMEMBERS', key)) do list[#list + 1] = id end
  end
  return list
end

local function draw(list)
  local salt = tonumber(redis.call('TIME')[2])
  for last = #list, 1, -1 do
    local at = (math.random(last) + salt) % last + 1
    local id = list[at]
    if alive(id) then return id end
    list[at] = list[last]
  end
  return nil
end

local chosen = existing_binding()
if chosen then return chosen end

chosen = affinity_node()
if chosen then
  bind(chosen)
  return chosen
end

chosen = draw(everybody())
if chosen then
  bind(chosen)
  return chosen
end
return nil
