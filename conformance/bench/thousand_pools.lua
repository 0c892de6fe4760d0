-- a right select_node.lua in the style of the field: it asks all 1000 pools in turn, whether it looks for a node or draws one
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]
local function pool(i) return 'lingua:v1:pool:' .. pair .. ':' .. i .. ':nodes' end
if job ~= '' then
  local b = redis.call('GET', 'lingua:v1:job:' .. job .. ':node')
  if b and redis.call('EXISTS', 'lingua:v1:node:' .. b) == 1 then return b end
end
local function bind(n) if job ~= '' then redis.call('SET', 'lingua:v1:job:' .. job .. ':node', n, 'EX', 3600) end return n end
if turn ~= '' then
  local node = redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
  if node and node ~= '' and redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 then
    for i = 0, 999 do
      if redis.call('SISMEMBER', pool(i), node) == 1 then return node end
    end
  end
end
local all = {}
for i = 0, 999 do
  for _, n in ipairs(redis.call('SMEMBERS', pool(i))) do
    if redis.call('EXISTS', 'lingua:v1:node:' .. n) == 1 then all[#all + 1] = n end
  end
end
if #all == 0 then return nil end
local t = redis.call('TIME')
math.randomseed(tonumber(t[1]) * 1000 + tonumber(t[2]))
math.random() math.random()
return bind(all[math.random(#all)])
