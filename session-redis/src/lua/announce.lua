-- Shared by the scripts that change a session: the sequence and the message.

-- The next number of the sequence. Always the first write: it fails if something else stands there, and a number that
-- is then not used shows as a hole. `seed` is any 8 random bytes.
local function draw_number(sequence, seed)
  local q = redis.call('INCR', sequence)
  if q == 1 then
    --@seed
  end
  return q
end

-- Always last: nothing can fail after it. `q` is what `draw_number` gave, `id` the digest and the origin; a stamp stands in
-- '@' as messages have it.
local function announce(kind, reason, before, after, q, id, command, channel, body)
  local flags = (before and 1 or 0) + (after and 2 or 0)
  redis.call(command, channel, struct.pack('>BBBBI8', 1, kind, flags, reason, q) .. id
    .. (before and string.sub(before, 3, 34) or string.rep('\0', 32))
    .. (after and string.sub(after, 3, 34) or string.rep('\0', 32)) .. body)
end
