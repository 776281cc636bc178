-- Shared by all scripts: the clock, and what can be read.
--
-- Parts stand where they are needed, also inside of branches: Lua makes a function anew each time it passes one, so those
-- that are rarely called are rarely made. All pieces of text are made with as few calls as can be, since a script's time
-- goes into those.

local NEVER = 9007199254740991 -- 2^53 - 1, the largest integer that a number here holds exactly
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Whether '@' = m is that of a session that has not expired.
local function is_live(m)
  return m and #m == 50 and string.sub(m, 1, 2) == '\1S'
end

-- Whether '@c' = c can be read.
local function is_whole(c)
  return c and #c == 43 and string.byte(c) == 1
end
