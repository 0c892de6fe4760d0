-- WRONG: a job's binding is followed without asking whether its node is still online, so a node that is gone is returned (TA-SEL-2, TA-SEL-3: gone nodes), line 50
local Node = {}

function Node.key(id) return 'lingua:v1:node:' .. id end

function Node.online(id)
  if not id or id == '' then return false end
  return redis.call('EXISTS', Node.key(id)) > 0
end

function Node.pool_of(id, pair)
  return redis.call('HGET', Node.key(id) .. ':pools', pair)
end

local Pool = {}

function Pool.key(pair, n) return table.concat({ 'lingua:v1:pool', pair, n, 'nodes' }, ':') end

function Pool.has(pair, n, id) return redis.call('SISMEMBER', Pool.key(pair, n), id) > 0 end

local function shuffle(list)
  for i = #list, 2, -1 do
    local j = math.random(i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

function Pool.all(pair)
  local found = {}
  for n = 0, 999 do
    local key = Pool.key(pair, n)
    if redis.call('EXISTS', key) > 0 then found[#found + 1] = key end
  end
  return found
end

local Job = {}

function Job.key(job) return 'lingua:v1:job:' .. job .. ':node' end

function Job.bind(job, id)
  if job ~= '' then redis.call('SET', Job.key(job), id, 'EX', 3600) end
  return id
end

local function main(pair, job, turn)
  if job ~= '' then
    local bound = redis.call('GET', Job.key(job))
    if bound and bound ~= '' then return bound end
    if bound then redis.call('DEL', Job.key(job)) end
  end

  if turn ~= '' then
    local id = redis.call('HGET', 'scheduler:turn:' .. turn, 'affinity_node_id')
    if id and Node.online(id) then
      local n = Node.pool_of(id, pair)
      if n and Pool.has(pair, n, id) then return Job.bind(job, id) end
    end
  end

  for _, key in ipairs(shuffle(Pool.all(pair))) do
    for _, id in ipairs(shuffle(redis.call('SMEMBERS', key))) do
      if Node.online(id) then return Job.bind(job, id) end
    end
  end

  return false
end

return main(ARGV[1], ARGV[2] or '', ARGV[3] or '')
