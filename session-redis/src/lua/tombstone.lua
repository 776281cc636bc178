-- Shared by destroy and revoke: replaces a session by a tombstone, which keeps '@f' = f of the session: the answer to a
-- repeat needs it.

local function write_tombstone(key, m, f, op, reason, tombstone, sequence, id, command, channel)
  local till = math.min(now + tombstone, NEVER)
  local q = next_number(sequence, op)
  redis.call('DEL', key)
  redis.call('HSET', key, '@', struct.pack($TOMBSTONE_FORMAT, $TOMBSTONE_TYPE, op, reason, now, till))
  if recently_left(f) ~= '' then redis.call('HSET', key, '@f', f) end
  redis.call('PEXPIREAT', key, till)
  publish(5, reason, m, nil, q, id, command, channel, '')
end
