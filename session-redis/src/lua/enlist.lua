#!lua
-- Lists a session under a principal, before the session is there.
--
-- KEYS  1 the principal's list: a hash of digests, each with <until:7><earliest end:7>
-- ARGV  1 digest:18, until when from now on:7, the earliest end from now on:7, the most sessions or 0:4,
--         the digest that it replaces:18 (preceded by 1, or 0 and anything)
-- Reply A<number:4> listed, F<now:7>(<digest:18><until:7><earliest end:7>)… there are as many as allowed already
-- All checks come before the first write.

--@shared

local digest, span, earliest, most, replaces, old = struct.unpack('>c18I7I7I4Bc18', ARGV[1])
local key = KEYS[1]
local entry = redis.call('HGET', key, digest)
local number = redis.call('HLEN', key)
if not entry then
  if most > 0 then
    local others = number
    if replaces == 1 and redis.call('HEXISTS', key, old) == 1 then others = others - 1 end
    if others >= most then
      local all = { 'F', struct.pack('>I7', now) }
      for _, part in ipairs(redis.call('HGETALL', key)) do all[#all + 1] = part end
      return table.concat(all)
    end
  end
  number = number + 1
end
local till, first = math.min(now + span, NEVER), math.min(now + earliest, NEVER)
if entry and #entry == 14 then
  local before = struct.unpack('>I7', entry)
  till = math.max(till, before)
end
redis.call('HSET', key, digest, struct.pack('>I7I7', till, first))
if redis.call('PEXPIRETIME', key) < till then redis.call('PEXPIREAT', key, till) end
return 'A' .. struct.pack('>I4', number)
