#!lua
-- Acquires a session's lock if it is free.
--
-- KEYS  1 the session
-- ARGV  1 owner:8, lease:7, through a forward:1
-- Reply A<counter:6> acquired, with the counter of the token, H<time left:7> held by another owner; or as in `absent`
-- All checks precede the one write.

--@prelude
--@absent

local owner, lease, through = struct.unpack('>c8I7B', ARGV[1])
local key = KEYS[1]
local held = redis.call('HMGET', key, '@', '@c', '@l')
local m, c, l = held[1], held[2], held[3]
if not is_live(m) then return absent(key, m, through == 1) end
if not is_whole(m, c) or is_odd_lock(l) then return 'G' end
if ends_at(m, c) <= now then return 'N' end
local counter = 0
if l then
  local _, holder, count, till = struct.unpack($LOCK_FORMAT, l)
  counter = count
  if till > now then
    if holder == owner then return 'A' .. struct.pack('>I6', counter) end
    return 'H' .. struct.pack('>I7', till - now)
  end
end
counter = counter + 1
redis.call('HSET', key, '@l', struct.pack($LOCK_FORMAT, 1, owner, counter, math.min(now + lease, NEVER)))
return 'A' .. struct.pack('>I6', counter)
