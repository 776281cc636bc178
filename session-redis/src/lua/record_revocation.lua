#!lua flags=allow-oom
-- Remembers that all sessions of a principal are being revoked, before their list is read.
--
-- KEYS  1 the principal's revocation
-- ARGV  1 a random id:8, for how long it is remembered:7
-- Reply A

--@prelude
--@check_permitted

local id, remembered = struct.unpack('>c8I7', ARGV[1])
check_permitted(KEYS[1], 'PEXPIREAT')
redis.call('HSET', KEYS[1], $REVOCATION, id)
redis.call('PEXPIREAT', KEYS[1], math.min(now + remembered, NEVER))
return 'A'
