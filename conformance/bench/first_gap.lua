-- What does a random choice cost that collects the pools up to the first gap?
-- ARGV[1] pair. Counts pools from 0 to the first empty one, draws a pool, then a node of it: nodes of a small pool
-- are drawn more often, and pools after a gap never.

local pair = ARGV[1]
local pools = {}
for pool_id = 0, 999 do
  local key = 'lingua:v1:pool:' .. pair .. ':' .. pool_id .. ':nodes'
  if redis.call('SCARD', key) == 0 then break end
  pools[#pools + 1] = key
end
for _ = 1, #pools * 3 do
  local node_id = redis.call('SRANDMEMBER', pools[math.random(#pools)])
  if node_id and redis.call('EXISTS', 'lingua:v1:node:' .. node_id) == 1 then return node_id end
end
return false
