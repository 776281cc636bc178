#!lua
-- Lists a session under a principal, before the session is there.
--
-- KEYS  1 the principal's list: a hash of digests, each with <until:7><awaited until:7><place:7>. Places grow with time;
--       a session that moves keeps its own.
-- ARGV  1 digest:18, until when from now on:7, how long from now on it may be on its way:7, the most sessions or 0:4,
--         the digest that it replaces:18 (preceded by 2 if a session was seen there, 1 if not, or 0 and anything)
-- Reply A listed, with their number:4; F<now:7>(<digest:18><until:7><awaited until:7><place:7>)… there are as many as
--       allowed already
-- All checks come before the first write.

--@shared

local digest, span, awaited, most, replaces, old = struct.unpack('>c18I7I7I4Bc18', ARGV[1])
local key = KEYS[1]
local found = redis.call('HMGET', key, digest, old)
local entry, left = found[1], replaces > 0 and found[2]
local number = redis.call('HLEN', key)
if not entry then
  if most > 0 then
    if (left and number - 1 or number) >= most then
      local all = { 'F', struct.pack('>I7', now) }
      for _, part in ipairs(redis.call('HGETALL', key)) do all[#all + 1] = part end
      return table.concat(all)
    end
  end
  number = number + 1
end
local till, place = math.min(now + span, NEVER), clock[1] * 1000000 + clock[2]
local kept = entry or left
if kept and #kept == 21 then
  place = struct.unpack('>I7', kept, 15)
end
if entry and #entry == 21 then
  local before = struct.unpack('>I7', entry)
  till = math.max(till, before)
end
redis.call('HSET', key, digest, struct.pack('>I7I7I7', till, math.min(now + awaited, NEVER), place))
if replaces == 2 and left and #left == 21 then
  -- It has arrived: nobody waits for it again when it is gone.
  redis.call('HSET', key, old, string.sub(left, 1, 7) .. struct.pack('>I7', now) .. string.sub(left, 15))
end
if redis.call('PEXPIRETIME', key) < till then redis.call('PEXPIREAT', key, till) end
return 'A' .. struct.pack('>I4', number)
