-- What do the reads of a selection with affinity cost at the least? The same four, and nothing else.
-- ARGV[1] pair, ARGV[3] turn id, as for select_node.lua; right only where the affinity can be kept.

local recorded = redis.call('HGET', 'scheduler:turn:' .. ARGV[3], 'affinity_node_id')
redis.call('EXISTS', 'lingua:v1:node:' .. recorded)
local pool_id = redis.call('HGET', 'lingua:v1:node:' .. recorded .. ':pools', ARGV[1])
redis.call('SISMEMBER', 'lingua:v1:pool:' .. ARGV[1] .. ':' .. pool_id .. ':nodes', recorded)
return recorded
