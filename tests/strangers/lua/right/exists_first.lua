-- EXISTS on the turn key first, then everything else; the binding is read late, but before the affinity counts.
local turn_key = 'scheduler:turn:' .. ARGV[3]
local known = ARGV[3] ~= '' and redis.call('EXISTS', turn_key) == 1
local recorded = known and redis.call('HMGET', turn_key, 'affinity_node_id')[1] or false

local members = {}
for first = 0, 950, 50 do
  local keys = {}
  for pool = first, first + 49 do keys[#keys + 1] = 'lingua:v1:pool:' .. ARGV[1] .. ':' .. pool .. ':nodes' end
  local some = redis.call('SUNION', unpack(keys))
  if #some == 0 then break end
  for _, node in ipairs(some) do members[#members + 1] = node end
end
local online, is_online = {}, {}
for _, node in ipairs(members) do
  if redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 then
    online[#online + 1] = node
    is_online[node] = true
  end
end

local job_key = 'lingua:v1:job:' .. ARGV[2] .. ':node'
local bound = ARGV[2] ~= '' and redis.call('GET', job_key)
if bound and (is_online[bound] or redis.call('EXISTS', 'lingua:v1:node:' .. bound) == 1) then return bound end
if recorded and is_online[recorded] then return recorded end
if #online == 0 then return false end
-- a multiplicative hash over the clock's microseconds and the generator
local time = redis.call('TIME')
local index = (tonumber(time[2]) * 7919 + math.random(0, 1048575)) % #online
if ARGV[2] ~= '' then redis.call('SET', job_key, online[index + 1], 'EX', 3600) end
return online[index + 1]
