-- Windows of sixty pool ids in one EXISTS until one is empty; reservoir sampling over the members that are online.
local function key_of(pool) return 'lingua:v1:pool:' .. ARGV[1] .. ':' .. pool .. ':nodes' end

local function alive(node)
  return redis.call('TTL', 'lingua:v1:node:' .. node) ~= -2
end

local function recorded()
  if ARGV[3] == '' then return nil end
  local node = redis.call('HGET', 'scheduler:turn:' .. ARGV[3], 'affinity_node_id')
  if not node or not alive(node) then return nil end
  if redis.call('HEXISTS', 'lingua:v1:node:' .. node .. ':pools', ARGV[1]) == 0 then return nil end
  return node
end

local function drawn()
  local seen, chosen = 0, nil
  for base = 0, 999, 60 do
    local keys = {}
    for pool = base, math.min(base + 59, 999) do keys[#keys + 1] = key_of(pool) end
    if redis.call('EXISTS', unpack(keys)) == 0 then break end
    for _, node in ipairs(redis.call('SUNION', unpack(keys))) do
      if alive(node) then
        seen = seen + 1
        if math.random() * seen < 1 then chosen = node end
      end
    end
  end
  return chosen
end

local binding = 'lingua:v1:job:' .. ARGV[2] .. ':node'
local bound = ARGV[2] ~= '' and redis.call('GET', binding)
if bound then
  if alive(bound) then return bound end
  redis.call('DEL', binding)
end
local node = recorded() or drawn()
if node and ARGV[2] ~= '' then redis.call('SETEX', binding, 3600, node) end
return node
