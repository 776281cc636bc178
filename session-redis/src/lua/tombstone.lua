-- Shared by destroy and revoke: replaces a session by a tombstone.

local function write_tombstone(key, m, op, reason, tombstone, sequence, id, command, channel)
  local till = math.min(now + tombstone, NEVER)
  local q = next_number(sequence, op)
  redis.call('DEL', key)
  redis.call('HSET', key, '@', struct.pack($TOMBSTONE_FORMAT, $TOMBSTONE_TYPE, op, reason, now, till))
  redis.call('PEXPIREAT', key, till)
  publish(5, reason, m, nil, q, id, command, channel, '')
end
