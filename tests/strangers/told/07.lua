-- WRONG: where the pair's pools name only nodes that are gone, an empty text is returned in place of nil (TA-SEL-7), line 59
local call = redis.call
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]

local function up(n) return call('EXISTS', 'lingua:v1:node:' .. n) == 1 end

local function bound_node()
  local key = 'lingua:v1:job:' .. job .. ':node'
  local n = call('GET', key)
  if not n then return nil end
  if n ~= '' and up(n) then return n end
  call('DEL', key)
  return nil
end

local function turn_node()
  local n = call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
  if not n or n == '' or not up(n) then return nil end
  local p = call('HGET', 'lingua:v1:node:' .. n .. ':pools', pair)
  if not p then return nil end
  if call('SISMEMBER', 'lingua:v1:pool:' .. pair .. ':' .. p .. ':nodes', n) == 0 then return nil end
  return n
end

local function members()
  local list = {}
  for p = 0, 999 do
    local set = call('SMEMBERS', 'lingua:v1:pool:' .. pair .. ':' .. p .. ':nodes')
    for i = 1, #set do list[#list + 1] = set[i] end
  end
  return list
end

-- draws without putting back, until a node is up
local function draw(list)
  local chosen
  while not chosen and #list > 0 do
    local i = math.random(#list)
    local n = list[i]
    list[i] = list[#list]
    list[#list] = nil
    if up(n) then chosen = n end
  end
  return chosen
end

if job ~= '' then
  local n = bound_node()
  if n then return n end
end

local node
if turn ~= '' then node = turn_node() end
if not node then
  local list = members()
  if #list == 0 then return nil end
  node = draw(list)
  if not node then
    return ''
  end
end
if job ~= '' then call('SET', 'lingua:v1:job:' .. job .. ':node', node, 'EX', 3600) end
return node
