-- Record the turn's node and the open turn.  ARGV: session id, turn id, node id, what D4 says of an affinity that exists.
local function turn_key(turn_id) return $turn end
local function session_key(session_id) return $session end
local function node_key(node_id) return $node end

local session_id, turn_id, node_id, choice = unpack(ARGV)
local recorded = redis.call('HGET', turn_key(turn_id), $affinity_field)
local exists = recorded and recorded ~= ''
local keep = exists
  and (choice == 'write-once' or choice == 'repair' and redis.call('EXISTS', node_key(recorded)) == 1)
if not keep then redis.call('HSET', turn_key(turn_id), $affinity_field, node_id) end
redis.call('HSET', session_key(session_id), $current_turn_field, turn_id)
return keep and recorded or node_id
