-- WRONG: selection records the node that it drew as the turn's affinity, which only a max_duration finalize may do (TA-SEL-6), line 65
--[[ node selection
     pools first: pick a pool, then SRANDMEMBER inside it, and prune the dead on the way ]]
local rc = redis.call
local langs = ARGV[1]
local jid   = ARGV[2] or ''
local tid   = ARGV[3] or ''

local K = {
  turn  = function(id) return 'scheduler:turn:' .. id end,
  node  = function(id) return 'lingua:v1:node:' .. id end,
  where = function(id) return 'lingua:v1:node:' .. id .. ':pools' end,
  pool  = function(n)  return 'lingua:v1:pool:' .. langs .. ':' .. n .. ':nodes' end,
  job   = function(id) return 'lingua:v1:job:' .. id .. ':node' end,
}

local function online(id)
  return rc('EXISTS', K.node(id)) > 0
end

local function done(id)
  if #jid > 0 then rc('SETEX', K.job(jid), 3600, id) end
  return id
end

-- 1. already bound?
if #jid > 0 then
  local held = rc('GET', K.job(jid))
  if held then
    if online(held) then return held end
    rc('DEL', K.job(jid))
  end
end

-- 2. affinity of the turn
if #tid > 0 then
  local sticky = rc('HGET', K.turn(tid), 'affinity_node_id')
  if sticky and #sticky > 0 and online(sticky) then
    local n = rc('HGET', K.where(sticky), langs)
    if n and rc('SISMEMBER', K.pool(n), sticky) == 1 then
      return done(sticky)
    end
  end
end

-- 3. random
local pools, n, blank = {}, 0, 0
while n < 1000 and blank <= 40 do
  if rc('EXISTS', K.pool(n)) == 1 then
    table.insert(pools, K.pool(n))
    blank = 0
  else
    blank = blank + 1
  end
  n = n + 1
end

local offset = rc('TIME')[2] % 9973
while #pools > 0 do
  local i = (math.random(0, #pools - 1) + offset) % #pools + 1
  local id = rc('SRANDMEMBER', pools[i])
  if not id then
    table.remove(pools, i)
  elseif online(id) then
    if #tid > 0 then rc('HSET', K.turn(tid), 'affinity_node_id', id) end
    return done(id)
  else
    rc('SREM', pools[i], id)
    rc('HDEL', K.where(id), langs)
  end
end

return false
