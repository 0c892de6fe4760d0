-- WRONG: where the turn has no affinity, the legacy field max_duration_node_id is read in its place (TA-KEY-3, TA-NEVER-3), line 45
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then return false end
  return reply
end

local function text(v)
  if type(v) ~= 'string' or v == '' then return nil end
  return v
end

local langPair = ARGV[1]
local jobId    = text(ARGV[2])
local turnId   = text(ARGV[3])

local function isOnline(nodeId)
  return try('EXISTS', 'lingua:v1:node:' .. nodeId) == 1
end

local function poolKey(poolId)
  return string.format('lingua:v1:pool:%s:%s:nodes', langPair, tostring(poolId))
end

local function jobKey()
  return string.format('lingua:v1:job:%s:node', jobId)
end

local function finish(nodeId)
  if jobId then try('SETEX', jobKey(), 3600, nodeId) end
  return nodeId
end

if jobId then
  local raw = try('GET', jobKey())
  local bound = text(raw)
  if bound and isOnline(bound) then return bound end
  if raw then try('DEL', jobKey()) end
end

local function affinity()
  if not turnId then return nil end
  local got = try('HMGET', 'scheduler:turn:' .. turnId, 'affinity_node_id')
  if not got then return nil end
  return text(got[1]) or text(try('HGET', 'scheduler:turn:' .. turnId, 'max_duration_node_id'))
end

local preferred = affinity()
if preferred and isOnline(preferred) then
  local poolId = try('HGET', 'lingua:v1:node:' .. preferred .. ':pools', langPair)
  if poolId and try('SISMEMBER', poolKey(poolId), preferred) == 1 then
    return finish(preferred)
  end
end

-- reservoir of size one over every online node of the pair
local seen, chosen = 0, nil
for poolId = 0, 999 do
  local members = try('SMEMBERS', poolKey(poolId)) or {}
  for _, nodeId in ipairs(members) do
    if isOnline(nodeId) then
      seen = seen + 1
      if math.random(seen) == 1 then chosen = nodeId end
    end
  end
end

if chosen then return finish(chosen) end
return nil
