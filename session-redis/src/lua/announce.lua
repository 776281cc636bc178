-- Shared by the scripts that change a session: the sequence and the message. Always last: nothing can fail after it.

local NONE = string.rep('\0', 32)

-- The stamp in '@' = m, as messages have it.
local function stamp(m)
  return string.sub(m, 3, 10) .. '\0\0' .. string.sub(m, 11, 32)
end

-- `id` is the digest and the origin; `seed` any 8 random bytes.
local function announce(kind, reason, before, after, sequence, id, seed, command, channel, body)
  local q = redis.call('INCR', sequence)
  if q == 1 then
    -- 20 random bits above 32 that count: a flush or a restore shows as a jump.
    q = (struct.unpack('>I3', seed) % 1048576) * 4294967296 + 1
    redis.call('SET', sequence, string.format('%.0f', q))
  end
  local flags = (before and 1 or 0) + (after and 2 or 0)
  redis.call(command, channel, struct.pack('>BBBBI8', 1, kind, flags, reason, q) .. id
    .. (before and stamp(before) or NONE) .. (after and stamp(after) or NONE) .. body)
end
