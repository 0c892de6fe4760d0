-- WRONG: an empty job id is true in Lua, so all jobs without a binding share the one at lingua:v1:job::node and stick to its node (TA-SEL-1, TA-SEL-2), line 3
local pair = ARGV[1]
local job = ARGV[2]
local turn = ARGV[3] ~= '' and ARGV[3] or nil

local function nodeUp(id)
  return type(id) == 'string' and id ~= '' and redis.call('EXISTS', 'lingua:v1:node:' .. id) == 1
end

local function eachPool(visit)
  local p = 0
  while p < 1000 do
    local key = 'lingua:v1:pool:' .. pair .. ':' .. p .. ':nodes'
    local size = redis.call('SCARD', key)
    if size > 0 then visit(key) end
    p = p + 1
  end
end

local function assign(id)
  if job then
    redis.call('SET', 'lingua:v1:job:' .. job .. ':node', id)
    redis.call('EXPIRE', 'lingua:v1:job:' .. job .. ':node', 3600)
  end
  return id
end

if job then
  local before = redis.call('GET', 'lingua:v1:job:' .. job .. ':node')
  if nodeUp(before) then
    return before
  end
  if before then redis.call('DEL', 'lingua:v1:job:' .. job .. ':node') end
end

if turn then
  local h = redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
  if nodeUp(h) then
    local p = redis.call('HGET', 'lingua:v1:node:' .. h .. ':pools', pair)
    if p and redis.call('SISMEMBER', 'lingua:v1:pool:' .. pair .. ':' .. p .. ':nodes', h) == 1 then
      return assign(h)
    end
  end
end

local bag = {}
eachPool(function(key)
  for _, id in ipairs(redis.call('SMEMBERS', key)) do
    if nodeUp(id) then table.insert(bag, id) end
  end
end)

if next(bag) == nil then
  return nil
end
return assign(bag[math.random(#bag)])
