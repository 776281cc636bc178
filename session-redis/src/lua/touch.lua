#!lua flags=allow-oom
-- Renews the idle deadline. Works when memory is short, and publishes nothing.
--
-- KEYS  1 the session
-- ARGV  1 an idle timeout that replaces its own for this touch, plus 1:7 (0: its own), how long the index lists it:7,
--         through a forward:1
-- Reply A<@:50><@c:43><now:6> touched, I<span:7><principal> the index must list it for this long first; or as in `absent`
-- All checks precede the first write.

--@prelude
--@absent

local other, span, through = struct.unpack('>I7I7B', ARGV[1])
local key = KEYS[1]
local held = redis.call('HMGET', key, '@', '@c')
local m, c = held[1], held[2]
if not is_live(m) then return absent(key, m, through == 1) end
if not is_whole(c) then return 'G' end
local idle = struct.unpack('>I7', m, $IDLE_AT)
local _, created, timeout, absolute, listed = struct.unpack($CONSTANTS_FORMAT, c)
if idle <= now or absolute <= now then return 'N' end
if timeout > 0 then
  local renewed = math.min(now + (other > 0 and other or timeout) - 1, NEVER)
  renewed = math.min(math.max(idle, renewed), absolute)
  if renewed > listed then
    local relisted = math.min(now + span, NEVER)
    if relisted < renewed then
      return 'I' .. struct.pack('>I7', renewed - now) .. principal_of(redis.call('HGET', key, '@p'))
    end
    c = string.sub(c, 1, $LISTED_AT - 1) .. struct.pack('>I7', relisted) .. string.sub(c, $LISTED_AT + 7)
  end
  if renewed > idle then
    m = string.sub(m, 1, $IDLE_AT - 1) .. struct.pack('>I7', renewed) .. string.sub(m, $IDLE_AT + 7)
    redis.call('HSET', key, '@', m, '@c', c)
    redis.call('PEXPIREAT', key, renewed)
  end
end
return 'A' .. m .. c .. struct.pack('>I6', now)
