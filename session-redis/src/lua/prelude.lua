-- Shared by most scripts: the clock, and whether metadata can be read.
--
-- `protocol/meta.rs` has the layout of the metadata and its constants, which are inserted here as text.
--
-- Shared parts are inserted where they are needed, also inside branches: Lua creates a function each time it reaches one,
-- so rarely called functions are rarely created. Strings are built with as few calls as possible, since these take most
-- of a script's time.

local NEVER = $NEVER
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Whether '@' = m is that of a session. The session may have expired.
local function is_live(m)
  return m and #m == $STATE_LENGTH and string.sub(m, 1, 2) == $SESSION_HEAD
end

-- Whether '@c' = c can be read. Its format is 2 while the session's renewal is unconfirmed.
local function is_whole(c)
  return c and #c == $CONSTANTS_LENGTH and (string.byte(c) == 1 or string.byte(c) == 2)
end
