-- WRONG: the draw is seeded from the turn id, so without a usable affinity one turn id gets the same node every time (TA-SEL-2, -3, -4), line 35
local pair    = ARGV[1]
local job_id  = ARGV[2]
local turn_id = ARGV[3]

local NS = 'lingua:v1'
local function key(...) return table.concat({ NS, ... }, ':') end
local function exists(k) return redis.call('EXISTS', k) == 1 end

local job_key = job_id ~= '' and key('job', job_id, 'node')

if job_key then
  local current = redis.call('GET', job_key)
  if current and current ~= '' and exists(key('node', current)) then return current end
  if current then redis.call('DEL', job_key) end
end

local function done(node_id)
  if job_key then redis.call('SET', job_key, node_id, 'EX', 3600) end
  return node_id
end

if turn_id ~= '' then
  local affine = redis.call('HGET', 'scheduler:turn:' .. turn_id, 'affinity_node_id')
  if affine and affine ~= '' and exists(key('node', affine)) then
    local p = redis.call('HGET', key('node', affine, 'pools'), pair)
    if p and redis.call('SISMEMBER', key('pool', pair, p, 'nodes'), affine) == 1 then
      return done(affine)
    end
  end
end

local now = redis.call('TIME')
local seed = math.random(0, 1000000000) + tonumber(now[2])
if turn_id ~= '' then seed = tonumber(string.sub(redis.sha1hex(turn_id), 1, 7), 16) end
math.randomseed(seed)

local pools, sum = {}, 0
for p = 0, 999 do
  local k = key('pool', pair, tostring(p), 'nodes')
  local n = redis.call('SCARD', k)
  if n > 0 then
    pools[#pools + 1] = { key = k, n = n }
    sum = sum + n
  end
end

while sum > 0 do
  local rank = math.random(sum)
  for _, pool in ipairs(pools) do
    if rank <= pool.n then
      pool.ids = pool.ids or redis.call('SMEMBERS', pool.key)
      local node_id = table.remove(pool.ids, rank)
      if exists(key('node', node_id)) then return done(node_id) end
      pool.n, sum = pool.n - 1, sum - 1
      break
    end
    rank = rank - pool.n
  end
end

return nil
