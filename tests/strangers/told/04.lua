-- WRONG: off by one in the draw: of two or more candidates the last of the list is never drawn (TA-SEL-2), line 53
local r = redis.call
local pair, job_id, turn_id = unpack(ARGV)

local K = {
  turn  = function(id) return 'scheduler:turn:' .. id end,
  node  = function(id) return 'lingua:v1:node:' .. id end,
  pools = function(id) return 'lingua:v1:node:' .. id .. ':pools' end,
  pool  = function(n) return 'lingua:v1:pool:' .. pair .. ':' .. n .. ':nodes' end,
  job   = function(id) return 'lingua:v1:job:' .. id .. ':node' end,
}

local function alive(id) return id ~= '' and r('EXISTS', K.node(id)) == 1 end

local function answer(id)
  if id and job_id ~= '' then r('SET', K.job(job_id), id, 'EX', '3600') end
  return id
end

local function from_binding()
  if job_id == '' then return nil end
  local id = r('GET', K.job(job_id))
  if not id then return nil end
  if alive(id) then return id end
  r('DEL', K.job(job_id))
end

local function from_turn()
  if turn_id == '' then return nil end
  local id = r('HGET', K.turn(turn_id), 'affinity_node_id')
  if not id or not alive(id) then return nil end
  local n = r('HGET', K.pools(id), pair)
  if n and r('SISMEMBER', K.pool(n), id) == 1 then return id end
end

local function all_pools()
  local keys = {}
  for n = 0, 999 do
    local key = K.pool(n)
    if r('SCARD', key) > 0 then table.insert(keys, key) end
  end
  return keys
end

local function from_pools()
  local keys = all_pools()
  if #keys == 0 then return nil end
  local online = {}
  for _, id in ipairs(r('SUNION', unpack(keys))) do
    if alive(id) then table.insert(online, id) end
  end
  if #online == 0 then return nil end
  local at = math.floor(math.random() * (#online - 1)) + 1
  return online[at]
end

local kept = from_binding()
if kept then return kept end
return answer(from_turn() or from_pools())
