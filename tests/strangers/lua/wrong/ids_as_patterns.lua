-- TA-SEL-1: looks for the recorded node with string.find, where "-" and "." in an id mean something.
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
  if recorded and recorded ~= '' then
    for _, node in ipairs(candidates()) do
      if string.find(node, '^' .. recorded .. '$') then return node end
    end
  end
end

local found = candidates()
if #found == 0 then return nil end
return bind(found[math.random(#found)])
