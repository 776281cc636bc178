-- Shared by destroy and revoke: replaces a session by a tombstone, which keeps '@f' = f of the session: the answer to a
-- repeat needs it. Returns the `letter` of the reply, as `publish` does.

--@check_permitted
local function write_tombstone(letter, key, m, f, op, reason, tombstone, sequence, id, command, channel)
  check_permitted(key, 'HSET', 'PEXPIREAT')
  local till = math.min(now + tombstone, NEVER)
  local q = next_number(sequence, op)
  redis.call('DEL', key)
  redis.call('HSET', key, '@', struct.pack($TOMBSTONE_FORMAT, $TOMBSTONE_TYPE, op, reason, now, till))
  if recently_left(f) ~= '' then redis.call('HSET', key, '@f', f) end
  redis.call('PEXPIREAT', key, till)
  return publish(letter, 5, reason, m, nil, q, id, command, channel, '')
end
