-- WRONG: the draw runs once before it looks whether anybody is left, so that a pair without a named node is a script error (TA-SEL-7), line 70
-- Scheduler / select_node, object style: a request knows its pair, job and turn
local Request = {}
Request.__index = Request

local LAST_POOL = 999
local EMPTY_IN_A_ROW = 41

function Request.new(argv)
  local self = setmetatable({}, Request)
  self.pair, self.job, self.turn = argv[1], argv[2], argv[3]
  return self
end

function Request:pool(id)
  return table.concat({ 'lingua:v1:pool', self.pair, id, 'nodes' }, ':')
end

function Request:is_up(node)
  return redis.call('EXISTS', 'lingua:v1:node:' .. node) ~= 0
end

function Request:bound()
  if self.job == '' then return end
  local key = 'lingua:v1:job:' .. self.job .. ':node'
  local node = redis.call('GET', key)
  if node and self:is_up(node) then return node end
  if node then redis.call('DEL', key) end
end

function Request:remember(node)
  if self.job == '' then return end
  local key = 'lingua:v1:job:' .. self.job .. ':node'
  redis.call('SET', key, node)
  redis.call('EXPIRE', key, 3600)
end

function Request:recorded()
  if self.turn == '' then return end
  local reply = redis.call('HMGET', 'scheduler:turn:' .. self.turn, 'affinity_node_id')
  return reply[1] ~= '' and reply[1] or nil
end

function Request:is_candidate(node)
  if not self:is_up(node) then return false end
  local pool = redis.call('HGET', 'lingua:v1:node:' .. node .. ':pools', self.pair)
  return pool and redis.call('SISMEMBER', self:pool(pool), node) == 1
end

function Request:named()
  local names, seen, empty, id = {}, {}, 0, 0
  repeat
    local members = redis.call('SMEMBERS', self:pool(id))
    empty = #members > 0 and 0 or empty + 1
    for i = 1, #members do
      if not seen[members[i]] then
        seen[members[i]] = true
        names[#names + 1] = members[i]
      end
    end
    id = id + 1
  until id > LAST_POOL or empty == EMPTY_IN_A_ROW
  return names
end

function Request:any()
  local names = self:named()
  local jitter = redis.call('TIME')[2]
  repeat
    local pick = (math.random(#names) + jitter) % #names + 1
    local node = table.remove(names, pick)
    if self:is_up(node) then return node end
  until #names == 0
end

local request = Request.new(ARGV)

local node = request:bound()
if node then return node end

local sticky = request:recorded()
if sticky and request:is_candidate(sticky) then
  node = sticky
else
  node = request:any()
end

if not node then return nil end
request:remember(node)
return node
