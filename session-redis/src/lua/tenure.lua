#!lua flags=allow-oom
-- Renews or ends a tenure of a session's lock. Works when memory is short.
--
-- KEYS  1 the session
-- ARGV  1 owner:8, counter:6, lease from now on:7 (0 ends it), through a forward:1
-- Reply A done, X the tenure had ended before; or as in `absent`
-- All checks precede the one write.

--@prelude
--@absent

local token, lease, through = struct.unpack('>c14I7B', ARGV[1])
local key = KEYS[1]
local held = redis.call('HMGET', key, '@', '@c', '@l')
local m, c, l = held[1], held[2], held[3]
if not is_live(m) then return absent(key, m, through == 1) end
if not is_whole(m, c) or is_odd_lock(l) then return 'G' end
if ends_at(m, c) <= now then return 'N' end
if not l or string.sub(l, $TOKEN_RANGE) ~= token or struct.unpack('>I7', l, $LEASE_AT) <= now then return 'X' end
redis.call('HSET', key, '@l', string.sub(l, 1, $LEASE_AT - 1) .. struct.pack('>I7', math.min(now + lease, NEVER)))
return 'A'
