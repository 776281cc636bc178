#!lua flags=allow-oom
-- Removes sessions from a principal's list. An entry is removed only if it is unchanged since its session was found
-- gone: the session may have been listed anew meanwhile, and stored.
--
-- KEYS  1 the principal's list
-- ARGV  1 … digest:18 and its entry
-- Reply A

for i = 1, #ARGV do
  local digest = string.sub(ARGV[i], 1, 18)
  if redis.call('HGET', KEYS[1], digest) == string.sub(ARGV[i], 19) then redis.call('HDEL', KEYS[1], digest) end
end
return 'A'
