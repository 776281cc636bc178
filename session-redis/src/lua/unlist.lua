#!lua flags=allow-oom
-- Takes sessions off a list, each only if the list says of it what it said when the session was found gone: since then it
-- may have been listed anew, and stored.
--
-- KEYS  1 the principal's list
-- ARGV  1 … digest:18 and its entry
-- Reply A

for i = 1, #ARGV do
  local digest = string.sub(ARGV[i], 1, 18)
  if redis.call('HGET', KEYS[1], digest) == string.sub(ARGV[i], 19) then redis.call('HDEL', KEYS[1], digest) end
end
return 'A'
