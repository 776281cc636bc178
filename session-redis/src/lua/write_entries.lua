-- Shared by create, apply and rotate: removes from the hash at `at` the names in `gone` and the `removes` names in ARGV
-- before `puts_at`, and sets the `count` names and values of `set`.

if count > CHUNK or removes > CHUNK or gone and #gone > CHUNK then
  --@chunks
  if gone then write('HDEL', at, gone, 1, #gone) end
  write('HDEL', at, ARGV, puts_at - removes, puts_at - 1)
  write('HSET', at, set, 1, count)
else
  if gone and #gone > 0 then redis.call('HDEL', at, unpack(gone)) end
  if removes > 0 then redis.call('HDEL', at, unpack(ARGV, puts_at - removes, puts_at - 1)) end
  redis.call('HSET', at, unpack(set, 1, count))
end
