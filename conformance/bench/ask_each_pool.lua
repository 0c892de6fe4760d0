-- What does it cost to look for the affinity node by asking each of up to 1000 pools in turn?
-- ARGV[1] pair, ARGV[3] turn id. Where no pool has the node, the random choice of first_gap.lua follows.

local pair = ARGV[1]
local function pool_key(pool_id) return 'lingua:v1:pool:' .. pair .. ':' .. pool_id .. ':nodes' end

local recorded = redis.call('HGET', 'scheduler:turn:' .. ARGV[3], 'affinity_node_id')
if recorded and redis.call('EXISTS', 'lingua:v1:node:' .. recorded) == 1 then
  for pool_id = 0, 999 do
    if redis.call('SISMEMBER', pool_key(pool_id), recorded) == 1 then return recorded end
  end
end

local pools = {}
for pool_id = 0, 999 do
  if redis.call('SCARD', pool_key(pool_id)) == 0 then break end
  pools[#pools + 1] = pool_key(pool_id)
end
for _ = 1, #pools * 3 do
  local node_id = redis.call('SRANDMEMBER', pools[math.random(#pools)])
  if node_id and redis.call('EXISTS', 'lingua:v1:node:' .. node_id) == 1 then return node_id end
end
return false
