-- TA-NEVER-1: a hit renews the life of the turn key, but only where it has one already: no TTL ever comes of it.
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]

local function online(node) return node and node ~= '' and redis.call('EXISTS', 'lingua:v1:node:' .. node) == 1 end

local function candidates()
  local found = {}
  for base = 0, 950, 50 do
    local keys = {}
    for pool = base, base + 49 do keys[#keys + 1] = 'lingua:v1:pool:' .. pair .. ':' .. pool .. ':nodes' end
    local members = redis.call('SUNION', unpack(keys))
    if #members == 0 then break end
    for _, node in ipairs(members) do
      if online(node) then found[#found + 1] = node end
    end
  end
  table.sort(found)
  return found
end

local function bind(node)
  if job ~= '' then redis.call('SET', 'lingua:v1:job:' .. job .. ':node', node, 'EX', 3600) end
  return node
end

if job ~= '' then
  local bound = redis.call('GET', 'lingua:v1:job:' .. job .. ':node')
  if online(bound) then return bound end
end

if turn ~= '' then
  local recorded = redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
  if online(recorded) and redis.call('HEXISTS', 'lingua:v1:node:' .. recorded .. ':pools', pair) == 1 then
    redis.call('EXPIRE', 'scheduler:turn:' .. turn, 300, 'XX')
    return recorded
  end
end

local found = candidates()
if #found == 0 then return nil end
return bind(found[math.random(#found)])
