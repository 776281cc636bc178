-- Shared by destroy and revoke: a tombstone in place of a session.

local function bury(key, m, op, reason, tombstone, sequence, id, command, channel)
  local till = math.min(now + tombstone, NEVER)
  local q = draw_number(sequence, op)
  redis.call('DEL', key)
  redis.call('HSET', key, '@', struct.pack('>BBc8BI6I7', 1, 84, op, reason, now, till))
  redis.call('PEXPIREAT', key, till)
  announce(5, reason, m, nil, q, id, command, channel, '')
end
