-- Shared by apply and rotate: removes `gone` and puts `set` in the hash at `at`.

if #set > CHUNK or gone and #gone > CHUNK then
  --@chunks
  if gone then write('HDEL', at, gone) end
  write('HSET', at, set)
else
  if gone and #gone > 0 then redis.call('HDEL', at, unpack(gone)) end
  redis.call('HSET', at, unpack(set))
end
