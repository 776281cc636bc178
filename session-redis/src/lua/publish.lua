-- Shared by the scripts that change a session: the sequence number and the message. `apply.lua` does the same inline.

-- The next sequence number. Always the first write: it fails if the key holds something else or the command is denied, and
-- a number that is not used then shows as a missed change. `seed` is 8 random bytes.
local function next_number(sequence, seed)
  local q = redis.call('INCR', sequence)
  if q == 1 then
    --@seed_sequence
  end
  return q
end

-- Publishes the message, whose layout is in `feed/message.rs`. Always last: nothing can fail after it. `q` is the result
-- of `next_number`, `id` the digest and the origin. `before` and `after` are '@' of the session, in which a stamp has
-- the form that it has in messages.
--
-- Returns `letter`, the first of the reply; in lower case if the command or the channel is denied. The change has happened
-- all the same, and its number shows as a missed change.
local function publish(letter, kind, reason, before, after, q, id, command, channel, body)
  local flags = (before and 1 or 0) + (after and 2 or 0)
  local sent = redis.pcall(command, channel, struct.pack('>BBBBI8', 1, kind, flags, reason, q) .. id
    .. (before and string.sub(before, $STAMP_RANGE) or string.rep('\0', 32))
    .. (after and string.sub(after, $STAMP_RANGE) or string.rep('\0', 32)) .. body)
  return type(sent) == 'number' and letter or string.lower(letter)
end
