-- Seeds once for each call from microseconds, job, turn and the generator's own next number; shuffles, takes the first.
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local mixed = redis.sha1hex(time[1] .. time[2] .. job .. turn .. math.random())
math.randomseed(tonumber(mixed:sub(1, 7), 16))

local nodes, pool = {}, 0
while true do
  local cursor, any = '0', false
  repeat
    local page = redis.call('SSCAN', 'lingua:v1:pool:' .. pair .. ':' .. pool .. ':nodes', cursor, 'COUNT', 200)
    cursor = page[1]
    for _, node in ipairs(page[2]) do
      nodes[node] = true
      any = true
    end
  until cursor == '0'
  if not any then break end
  pool = pool + 1
end

local online = function(node) return redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 end
local remember = function(node)
  if job ~= '' then redis.call('SET', 'lingua:v1:job:' .. job .. ':node', node, 'EX', 3600) end
  return node
end

local bound = job ~= '' and redis.call('GET', 'lingua:v1:job:' .. job .. ':node')
if bound and online(bound) then return bound end
local recorded = turn ~= '' and redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
if recorded and nodes[recorded] and online(recorded) then return remember(recorded) end

local order = {}
for node in pairs(nodes) do order[#order + 1] = node end
for i = #order, 2, -1 do
  local j = math.random(i)
  order[i], order[j] = order[j], order[i]
end
for _, node in ipairs(order) do
  if online(node) then return remember(node) end
end
return nil
