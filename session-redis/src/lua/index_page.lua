#!lua flags=no-writes
-- Reads a part of a principal's list, in its order.
--
-- KEYS  1 the principal's list, 2 its order
-- ARGV  1 N (the latest first), O (the oldest first) or S (a sample: entries in a row, from a place that the second number
--         chooses):1, the lowest place:7, the greatest place:7 (for a sample: a number below 2^32), the most entries:4
-- Reply A<now:7><entries between these places:4><the greatest place of the list:7>(<digest:18><entry:21>)…, D the list and
--       its order do not agree, G an entry cannot be read
-- Changes nothing.

--@prelude

local sort, low, high, most = struct.unpack('>c1I7I7I4', ARGV[1])
local key, order = KEYS[1], KEYS[2]
local number, digests = redis.call('ZCARD', order), nil
if redis.call('HLEN', key) ~= number then return 'D' end
if sort == 'S' then
  local first = math.floor(math.max(number - most + 1, 0) * (high / 4294967296))
  digests = redis.call('ZRANGE', order, first, first + most - 1)
else
  low, high = string.format('%.0f', low), string.format('%.0f', high)
  if sort == 'N' then
    digests = redis.call('ZRANGE', order, high, low, 'BYSCORE', 'REV', 'LIMIT', 0, most)
  else
    digests = redis.call('ZRANGE', order, low, high, 'BYSCORE', 'LIMIT', 0, most)
  end
  number = redis.call('ZCOUNT', order, low, high)
end
local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')[2]
local reply = { 'A', struct.pack('>I7I4I7', now, number, tonumber(last or 0)) }
if #digests > 0 then
  local entries = redis.call('HMGET', key, unpack(digests))
  for i, digest in ipairs(digests) do
    if not entries[i] then return 'D' end
    if #digest ~= 18 or #entries[i] ~= $LISTING_LENGTH then return 'G' end
    reply[#reply + 1] = digest
    reply[#reply + 1] = entries[i]
  end
end
return table.concat(reply)
