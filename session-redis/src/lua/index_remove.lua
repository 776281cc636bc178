#!lua flags=allow-oom
-- Removes sessions from a principal's list. An entry is removed only if it is unchanged since its session was found
-- gone: the session may have been listed anew meanwhile, and stored.
--
-- KEYS  1 the principal's list, 2 its order
-- ARGV  1 … digest:18 and its entry, or a digest alone, which is removed whatever its entry is
-- Reply A

local key, order = KEYS[1], KEYS[2]
redis.call('ZCARD', order) -- another type is an error, before the first write
for i = 1, #ARGV do
  local digest = string.sub(ARGV[i], 1, 18)
  if #ARGV[i] == 18 or redis.call('HGET', key, digest) == string.sub(ARGV[i], 19) then
    redis.call('HDEL', key, digest)
    redis.call('ZREM', order, digest)
  end
end
return 'A'
