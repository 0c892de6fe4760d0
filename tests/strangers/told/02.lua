-- WRONG: whether the affinity node is online is asked of its `:pools` hash, which outlives the node key, so a node that is gone is returned (TA-SEL-3), line 21
local call = redis.call
local NODE, POOL, JOB, TURN = 'lingua:v1:node:', 'lingua:v1:pool:', 'lingua:v1:job:', 'scheduler:turn:'
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]

local bind_key = JOB .. job .. ':node'
if job ~= '' then
  local already = call('GET', bind_key)
  if already then
    if already ~= '' and call('EXISTS', NODE .. already) == 1 then return already end
    call('DEL', bind_key)
  end
end

local picked = false

if turn ~= '' then
  local want = call('HGET', TURN .. turn, 'affinity_node_id')
  if want and want ~= '' then
    local pools = NODE .. want .. ':pools'
    local alive = call('EXISTS', pools) == 1
    if alive then
      local pid = call('HGET', pools, pair)
      if pid and call('SISMEMBER', POOL .. pair .. ':' .. pid .. ':nodes', want) == 1 then
        picked = want
      end
    end
  end
end

if not picked then
  -- which pools exist: 100 keys at a time, one by one only where there is something
  local pools = {}
  for base = 0, 900, 100 do
    local batch = {}
    for i = 0, 99 do batch[i + 1] = POOL .. pair .. ':' .. (base + i) .. ':nodes' end
    if call('EXISTS', unpack(batch)) > 0 then
      for _, k in ipairs(batch) do
        if call('EXISTS', k) == 1 then pools[#pools + 1] = k end
      end
    end
  end
  -- pool first, then a member of it; gone members are thrown out of the pool as we meet them
  while not picked and #pools > 0 do
    local at = math.random(#pools)
    local member = call('SRANDMEMBER', pools[at])
    if not member then
      table.remove(pools, at)
    elseif call('EXISTS', NODE .. member) == 1 then
      picked = member
    else
      call('SREM', pools[at], member)
      call('HDEL', NODE .. member .. ':pools', pair)
    end
  end
end

if picked and job ~= '' then
  call('SET', bind_key, picked, 'EX', 3600)
end
return picked
