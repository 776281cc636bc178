#!lua
-- Adds a session to a principal's list, before the session is stored.
--
-- KEYS  1 the principal's list: a hash of digests, each with <until:7><awaited until:7><place:7>. A sign-in has the greatest
--       place so far; a session that moves keeps its own. 2 the order of the list: a sorted set of the same digests by
--       their places. 3 the principal's revocation, if it is compared
-- ARGV  1 digest:18, how long from now on it is listed:7, how long from now on it is awaited:7, the most sessions or 0:4,
--         its place if that is known and no entry has it:7 (0: unknown), the digest that it replaces:18 (preceded by 3 if
--         the session is listed anew where it is, 2 if it was seen at that digest and moves without a sign-in, 1 if there
--         may be one, or 0 and anything); 2 the last revocation that the sign-in knows:8, or nothing
-- Reply A<entries:4><place:7> added, F the list has as many entries as allowed already, X all sessions were revoked since
--       the revocation that the sign-in knows, U no sign-in, and its place is unknown
-- All checks precede the first write.

--@prelude

local digest, span, awaited, most, known, replaces, old = struct.unpack('>c18I7I7I4I7Bc18', ARGV[1])
local key, order = KEYS[1], KEYS[2]
if KEYS[3] and (redis.call('HGET', KEYS[3], $REVOCATION) or string.rep('\0', 8)) ~= ARGV[2] then return 'X' end
local found = redis.call('HMGET', key, digest, old)
local entry, left = found[1], (replaces == 1 or replaces == 2) and found[2]
local number = redis.call('HLEN', key)
if not entry then
  if most > 0 and (left and number - 1 or number) >= most then return 'F' end
  number = number + 1
end
-- Another type is an error, before the first write.
local last = tonumber(redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')[2] or 0)
local till, place = math.min(now + span, NEVER), nil
local kept = entry or (replaces == 2 and left)
if kept and #kept == $LISTING_LENGTH then
  local _, _, kept_place = struct.unpack($LISTING_FORMAT, kept)
  place = kept_place
elseif replaces >= 2 then
  -- A revocation in progress ends the sessions up to a place. One that signed in before must not get a later one.
  if known == 0 then return 'U' end
  place = last > 0 and math.min(known, last) or known
else
  -- And one that signs in must: clocks may go back.
  place = clock[1] * 1000000 + clock[2]
  if last >= place and last < NEVER then place = last + 1 end
end
if entry and #entry == $LISTING_LENGTH then
  local before = struct.unpack($LISTING_FORMAT, entry)
  till = math.max(till, before)
end
--@check_permitted
check_permitted(key, 'ZADD', 'PEXPIREAT')
local expires = { redis.call('PEXPIRETIME', key), redis.call('PEXPIRETIME', order) }
redis.call('HSET', key, digest, struct.pack($LISTING_FORMAT, till, math.min(now + awaited, NEVER), place))
redis.call('ZADD', order, string.format('%.0f', place), digest)
if replaces == 2 and left and #left == $LISTING_LENGTH then
  -- The replaced session has arrived: it is not awaited again when it is gone.
  local left_till, _, left_place = struct.unpack($LISTING_FORMAT, left)
  redis.call('HSET', key, old, struct.pack($LISTING_FORMAT, left_till, now, left_place))
end
for i = 1, 2 do
  if expires[i] < till then redis.call('PEXPIREAT', KEYS[i], till) end
end
return 'A' .. struct.pack('>I4I7', number, place)
