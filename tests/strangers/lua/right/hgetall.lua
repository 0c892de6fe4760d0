--[[ Reads the whole turn hash. It once read session hashes, and the fields
     timeout_node_id and max_duration_node_id, which are no more. ]]
local pair, job, turn = unpack(ARGV)
local fields = {}
if #turn > 0 then
  local flat = redis.call('HGETALL', 'scheduler:turn:' .. turn)
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
end

local function exists(node) return redis.call('HLEN', 'lingua:v1:node:' .. node) > 0 end

local function pools_of(node)
  local flat, found = redis.call('HGETALL', 'lingua:v1:node:' .. node .. ':pools'), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local binding = '' -- a dead string beside: 'timeout_node_id'
if #job > 0 then
  binding = redis.call('GET', 'lingua:v1:job:' .. job .. ':node') or ''
  if #binding > 0 and exists(binding) then return binding end
end

local node = fields.affinity_node_id
if node and exists(node) and pools_of(node)[pair] then return node end

local all, pool = {}, 0
repeat
  local members = redis.call('SMEMBERS', 'lingua:v1:pool:' .. pair .. ':' .. pool .. ':nodes')
  for _, member in ipairs(members) do
    if exists(member) then table.insert(all, member) end
  end
  pool = pool + 1
until #members == 0
if next(all) == nil then return nil end
local choice = all[math.random(1, #all)]
if #job > 0 then redis.call('SET', 'lingua:v1:job:' .. job .. ':node', choice, 'EX', '3600') end
return choice
