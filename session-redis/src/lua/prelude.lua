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

-- Whether '@c' = c has a known format, which is 2 while the session's renewal is unconfirmed.
local function is_known(c)
  return c and #c == $CONSTANTS_LENGTH and (string.byte(c) == 1 or string.byte(c) == 2)
end

-- Whether '@' = m of a session and its '@c' = c can be read. The rules are those of clients: a client that cannot read the
-- answer must not have had its request executed. The version can also be raised. An idle timeout is stored plus one.
local function is_whole(m, c)
  if not is_known(c) then return false end
  local timeout, absolute = struct.unpack('>I7I7', c, $TIMEOUT_AT)
  if timeout > NEVER + 1 or absolute > NEVER or (timeout == 0 and absolute == NEVER) then return false end
  local version, tag, idle = struct.unpack('>I8c16I7', m, $VERSION_AT)
  return version < NEVER and idle <= NEVER and not string.find(tag, '[^0-9a-f]')
end
