#!lua flags=allow-oom
-- Rebuilds the order of a principal's list from the list. Only a list whose order was lost needs this: its cost grows with
-- the list.
--
-- KEYS  1 the principal's list, 2 its order
-- Reply A, G an entry cannot be read
-- All checks precede the first write.

local key, order = KEYS[1], KEYS[2]
local all = redis.call('HGETALL', key)
for i = 2, #all, 2 do
  if #all[i - 1] ~= 18 or #all[i] ~= $LISTING_LENGTH then return 'G' end
end
--@check_permitted
check_permitted(order, 'ZADD', 'PEXPIREAT')
redis.call('DEL', order)
for i = 1, #all, 2 do
  local _, _, place = struct.unpack($LISTING_FORMAT, all[i + 1])
  redis.call('ZADD', order, string.format('%.0f', place), all[i])
end
local till = redis.call('PEXPIRETIME', key)
if till > 0 then redis.call('PEXPIREAT', order, till) end
return 'A'
