-- A pool first, then SRANDMEMBER; a node that is gone is taken out of its pool, and the draw begins again.
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]

local function pool_key(id) return string.format('lingua:v1:pool:%s:%d:nodes', pair, id) end
local function online(node) return redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 end

if job ~= '' then
  local bound = redis.call('GET', 'lingua:v1:job:' .. job .. ':node')
  if bound and online(bound) then return bound end
end
if turn ~= '' then
  local node = redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
  if node and node ~= '' and online(node) then
    local id = redis.call('HGET', 'lingua:v1:node:' .. node .. ':pools', pair)
    if id and redis.call('SISMEMBER', pool_key(id), node) == 1 then return node end
  end
end
while true do
  local pools, gap, id = {}, 0, 0
  while gap < 48 and id < 1000 do
    if redis.call('SCARD', pool_key(id)) > 0 then
      pools[#pools + 1] = pool_key(id)
      gap = 0
    else
      gap = gap + 1
    end
    id = id + 1
  end
  if #pools == 0 then return nil end
  local pool = pools[math.random(#pools)]
  local node = redis.call('SRANDMEMBER', pool)
  if online(node) then
    if job ~= '' then redis.call('SET', 'lingua:v1:job:' .. job .. ':node', node, 'EX', 3600) end
    return node
  end
  redis.call('SREM', pool, node)
end
