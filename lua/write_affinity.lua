-- Which node does the open turn stay with? The write of a max_duration finalize, in one atomic step (TA-WRITE-6).
--
-- ARGV[1]  session id
-- ARGV[2]  turn id
-- ARGV[3]  node id of the batch's first job that got one
-- ARGV[4]  what becomes of an affinity that exists already (D4): "overwrite", "write-once" or "repair"
-- returns  the node id that stands recorded afterwards
--
-- HSET leaves the life of a key as it is: no TTL is ever set here (TA-WRITE-2, TA-NEVER-1).

-- LAYOUT: the names of keys and fields; the loader writes this block anew for other names
local function turn_key(turn_id) return 'scheduler:turn:' .. turn_id end
local function session_key(session_id) return 'scheduler:session:' .. session_id end
local function node_key(node_id) return 'lingua:v1:node:' .. node_id end
local AFFINITY_FIELD = 'affinity_node_id'
local CURRENT_TURN_FIELD = 'current_turn_id'
-- LAYOUT END

local session_id, turn_id, node_id, choice = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- an unknown choice must not pass for one of the three, nor an empty id make a key that no clear finds
if choice ~= 'overwrite' and choice ~= 'write-once' and choice ~= 'repair' then
  return redis.error_reply('ERR ARGV[4] is "' .. tostring(choice) .. '"; use overwrite, write-once or repair')
end
if session_id == '' or turn_id == '' or node_id == '' then
  return redis.error_reply('ERR session id, turn id and node id must not be empty')
end

-- READ
local recorded = choice ~= 'overwrite' and redis.call('HGET', turn_key(turn_id), AFFINITY_FIELD)

-- DECIDE (TA-WRITE-5): an empty field is no affinity
local stays = recorded and recorded ~= ''
if stays and choice == 'repair' then stays = redis.call('EXISTS', node_key(recorded)) == 1 end

-- WRITE (TA-WRITE-1)
if not stays then
  redis.call('HSET', turn_key(turn_id), AFFINITY_FIELD, node_id)
  recorded = node_id
end
redis.call('HSET', session_key(session_id), CURRENT_TURN_FIELD, turn_id)
return recorded
