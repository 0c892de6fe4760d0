-- Forget the session's open turn and its affinity; nothing else of either hash.  ARGV: session id.
local function turn_key(turn_id) return $turn end
local function session_key(session_id) return $session end

local session_id = ARGV[1]
local turn_id = redis.call('HGET', session_key(session_id), $current_turn_field)
if turn_id and turn_id ~= '' then redis.call('HDEL', turn_key(turn_id), $affinity_field) end
if turn_id then redis.call('HDEL', session_key(session_id), $current_turn_field) end
return turn_id
