-- WRONG: a selection that finds the affinity node offline deletes the turn's affinity (TA-SEL-6), line 35
local get = function(...) return redis.call(...) end
local PAIR, JOB, TURN = tostring(ARGV[1]), tostring(ARGV[2]), tostring(ARGV[3])
local has_job, has_turn = #JOB > 0, #TURN > 0

local prefix = 'lingua:v1:'
local job_key = prefix .. 'job:' .. JOB .. ':node'
local turn_key = 'scheduler:turn:' .. TURN

local function online(node)
  return get('EXISTS', prefix .. 'node:' .. node) == 1
end

local function in_pair(node)
  local which = get('HGET', prefix .. 'node:' .. node .. ':pools', PAIR)
  return which and get('SISMEMBER', prefix .. 'pool:' .. PAIR .. ':' .. which .. ':nodes', node) == 1
end

local result = nil

-- bound?
if has_job then
  local b = get('GET', job_key)
  if b and #b > 0 and online(b) then
    return b
  end
  if b then get('DEL', job_key) end
end

-- affinity?
if has_turn then
  local node = get('HGET', turn_key, 'affinity_node_id')
  if node and #node > 0 then
    if not online(node) then
      get('HDEL', turn_key, 'affinity_node_id')
    elseif in_pair(node) then
      result = node
    end
  end
end

-- otherwise random: one pool, its online nodes, one of them; the next pool if there are none
if result == nil then
  local left = {}
  for id = 0, 999 do
    local key = prefix .. 'pool:' .. PAIR .. ':' .. id .. ':nodes'
    if get('EXISTS', key) == 1 then left[#left + 1] = key end
  end
  repeat
    if #left == 0 then return nil end
    local key = table.remove(left, math.random(#left))
    local good = {}
    for _, node in ipairs(get('SMEMBERS', key)) do
      if online(node) then good[#good + 1] = node end
    end
    if #good > 0 then result = good[math.random(#good)] end
  until result
end

if has_job then get('SET', job_key, result, 'EX', 3600) end
return result
