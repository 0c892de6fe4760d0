-- WRONG: the pair is taken apart by a pattern of letters only, so a pair with a tag such as zh-CN gets no node, with an affinity or without (TA-SEL-1, TA-SEL-2), line 5
local call = redis.call
local job_id, turn_id = ARGV[2], ARGV[3]

local src, tgt = string.match(ARGV[1], '^(%a+):(%a+)$')
if not src then
  return nil -- not a pair
end
local pair = src .. ':' .. tgt

local function pool_key(n)
  return ('lingua:v1:pool:%s:%s:%s:nodes'):format(src, tgt, n)
end

local function usable(id)
  return id and id ~= '' and call('EXISTS', 'lingua:v1:node:' .. id) == 1
end

local bind_key
if job_id ~= '' then
  bind_key = ('lingua:v1:job:%s:node'):format(job_id)
  local id = call('GET', bind_key)
  if usable(id) then return id end
  if id then call('DEL', bind_key) end
end

local choice
if turn_id ~= '' then
  local id = call('HGET', ('scheduler:turn:%s'):format(turn_id), 'affinity_node_id')
  if usable(id) then
    local n = call('HGET', ('lingua:v1:node:%s:pools'):format(id), pair)
    if n and call('SISMEMBER', pool_key(n), id) == 1 then choice = id end
  end
end

if not choice then
  -- existing pools, found in blocks of 50 ids
  local pools = {}
  for first = 0, 999, 50 do
    local block = {}
    for n = first, first + 49 do block[#block + 1] = pool_key(n) end
    local left = call('EXISTS', unpack(block))
    for i = 1, #block do
      if left == 0 then break end
      if call('EXISTS', block[i]) == 1 then
        pools[#pools + 1] = block[i]
        left = left - 1
      end
    end
  end

  -- try luck a few times, which is nearly always enough; then look at everybody
  for _ = 1, 5 do
    if #pools == 0 then break end
    local id = call('SRANDMEMBER', pools[math.random(#pools)])
    if usable(id) then
      choice = id
      break
    end
  end
  if not choice then
    local everybody = {}
    for _, key in ipairs(pools) do
      for _, id in ipairs(call('SMEMBERS', key)) do
        if usable(id) then everybody[#everybody + 1] = id end
      end
    end
    choice = everybody[1] and everybody[math.random(#everybody)]
  end
end

if choice and bind_key then call('SET', bind_key, choice, 'EX', 3600) end
return choice
