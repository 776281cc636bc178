#!lua flags=allow-oom
-- Renews the idle deadline. Works when memory is short, and publishes nothing.
--
-- KEYS  1 the session, 2 the old id of its renewal, if it is known
-- ARGV  1 an idle timeout that replaces its own for this touch, plus 1:7 (0: its own), how long the index lists it:7,
--         through a forward:1, how long ago the session was used:7; 2 a note and its format, or nothing
-- Reply A<@:50><@c:43><now:6> touched, I<span:7><principal> the index must list it for this long first, K<digest:18> the
--       script needs the key of this old id; or as in `absent`
-- All checks precede the first write.

--@prelude
--@absent

local other, span, through, age = struct.unpack('>I7I7BI7', ARGV[1])
local key, old_key = KEYS[1], KEYS[2]
local held = redis.call('HMGET', key, '@', '@c')
local m, c = held[1], held[2]
if not is_live(m) then return absent(key, m, through == 1) end
if not is_known(c) then return 'G' end
local version, tag, idle = struct.unpack('>I8c16I7', m, $VERSION_AT)
local format, created, timeout, absolute, listed = struct.unpack($CONSTANTS_FORMAT, c)
-- What `is_whole` checks.
if version >= NEVER or idle > NEVER or absolute > NEVER or timeout > NEVER + 1 or (timeout == 0 and absolute == NEVER)
  or string.find(tag, '[^0-9a-f]') then
  return 'G'
end
if idle <= now or absolute <= now then return 'N' end
local renewal
if format == 2 then
  --@renewal
end
local notes = ARGV[2] ~= '' and redis.call('HGET', key, '@p')
local renewed = idle
if timeout > 0 then
  renewed = math.min(now - age + (other > 0 and other or timeout) - 1, NEVER)
  renewed = math.min(math.max(idle, renewed), absolute)
  if renewed > listed then
    local relisted = math.min(now + span, NEVER)
    if relisted < renewed then
      return 'I' .. struct.pack('>I7', renewed - now) .. principal_of(redis.call('HGET', key, '@p'))
    end
    c = string.sub(c, 1, $LISTED_AT - 1) .. struct.pack('>I7', relisted) .. string.sub(c, $LISTED_AT + 7)
  end
end
local confirms = renewal and through == 0
if confirms then c = '\1' .. string.sub(c, 2, $RENEWED_AT - 1) .. struct.pack('>I7', math.min(now + renewal[1], NEVER)) end
if renewed > idle or renewal then
  --@check_permitted
  check_permitted(key, 'PEXPIREAT')
  if renewal then check_permitted(key, 'HDEL', 'HSET') end
end
if renewed > idle or confirms then
  m = string.sub(m, 1, $IDLE_AT - 1) .. struct.pack('>I7', renewed) .. string.sub(m, $IDLE_AT + 7)
  redis.call('HSET', key, '@', m, '@c', c)
  if renewed > idle then redis.call('PEXPIREAT', key, renewed) end
end
if notes then redis.call('HSET', key, '@n', ARGV[2]) end
if renewal then
  local ends = math.min(renewed, absolute)
  --@renewal_used
end
return 'A' .. m .. c .. struct.pack('>I6', now)
