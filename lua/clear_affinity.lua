-- Which turn ends here? The clear of a manual or timeout finalize, in one atomic step (TA-CLEAR-7).
--
-- ARGV[1]  session id
-- returns  the id of the turn that was closed, or nil where none was open
--
-- Clearing again changes nothing, so that it can always be sent once more (TA-CLEAR-4).

-- LAYOUT: the names of keys and fields; the loader writes this block anew for other names
local function turn_key(turn_id) return 'scheduler:turn:' .. turn_id end
local function session_key(session_id) return 'scheduler:session:' .. session_id end
local AFFINITY_FIELD = 'affinity_node_id'
local CURRENT_TURN_FIELD = 'current_turn_id'
-- LAYOUT END

local session_id = ARGV[1]

-- READ: only this session knows which turn is its own (TA-CLEAR-8)
local turn_id = redis.call('HGET', session_key(session_id), CURRENT_TURN_FIELD)

-- DECIDE (TA-CLEAR-2): no open turn, nothing to clear
if not turn_id then return false end

-- WRITE (TA-CLEAR-1): fields, not keys, so that what others keep in the session hash survives (TA-CLEAR-5).
-- An empty id names no turn: its field goes, and no turn is touched
if turn_id ~= '' then redis.call('HDEL', turn_key(turn_id), AFFINITY_FIELD) end
redis.call('HDEL', session_key(session_id), CURRENT_TURN_FIELD)
return turn_id ~= '' and turn_id
