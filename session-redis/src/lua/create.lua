#!lua
-- Stores a new session.
--
-- KEYS  1 the session, 2 its partition's sequence
-- ARGV  1 op id:8, the same in hexadecimal:16, incarnation:8, idle timeout plus 1:7 (0: none), lifetime:7 (0: none),
--         how long the index lists it:7 (0: not at all), limits: bytes of a value:4, entries:4, bytes:5;
--         number of pairs:4
--       2 digest:18 and origin:8, 3 the delta for the message or nothing, 4 PUBLISH or SPUBLISH, 5 the channel,
--       6 who signs in or nothing, 7 its note and the format of that, or nothing, 8 … names and values
-- Reply A<@:50><@c:43><now:6> created, R the same: created before, X the id is in use, L a limit, I<span:7> the index
--       must list it for this long first; or as in `absent`, except N
-- All checks precede the first write.

--@prelude
--@publish
--@absent

local op, hex, incarnation, timeout, lifetime, span, max_value, max_entries, max_bytes, puts =
  struct.unpack('>c8c16c8I7I7I7I4I4I5I4', ARGV[1])
local key = KEYS[1]
local held = redis.call('HMGET', key, '@', '@c')
local m, c = held[1], held[2]
if is_live(m) then
  if not is_whole(m, c) then return 'G' end
  if ends_at(m, c) > now then
    return (string.sub(m, $INCARNATION_RANGE) == incarnation and 'R' or 'X') .. m .. c .. struct.pack('>I6', now)
  end
else
  local answer = absent(key, m, false)
  if answer == 'S' then return 'X' end
  if answer ~= 'N' then return answer end
end

-- The metadata comes first, since a small hash is searched from its beginning. So does the field for the second
-- update's op id.
local entries, bytes, count, set = 0, 0, 8, { '@', '', '@0', op, '@1', '', '@c', '' }
for i = 1, puts do
  local name, value = ARGV[6 + 2 * i], ARGV[7 + 2 * i]
  if #value > max_value then return 'Lv' .. struct.pack('>I8', #value) .. name end
  entries, bytes = entries + 1, bytes + #name - (string.byte(name) == $SCALAR and 1 or 2) + #value
  set[count + 1], set[count + 2] = name, value
  count = count + 2
end
local had_entries, had_bytes = 0, 0
--@check_limits
local absolute, idle
--@new_deadlines
local listed = NEVER
if ARGV[6] ~= '' then
  listed = math.min(now + span, NEVER)
  if span == 0 or listed < math.min(idle, absolute) then return 'I' .. struct.pack('>I7', math.min(idle, absolute) - now) end
  set[count + 1], set[count + 2] = '@p', struct.pack($PRINCIPAL_FORMAT, 1, now, listed) .. ARGV[6]
  count = count + 2
  if ARGV[7] ~= '' then
    set[count + 1], set[count + 2] = '@n', ARGV[7]
    count = count + 2
  end
end
local tag = string.sub(redis.sha1hex('0000000000000000' .. hex), 1, 16)
m = struct.pack($STATE_FORMAT, $SESSION_TYPE, incarnation, 1, tag, idle, entries, bytes)
c = struct.pack($CONSTANTS_FORMAT, 1, now, timeout, absolute, listed, op, 0)
set[2], set[8] = m, c

--@check_permitted
check_permitted(key, 'HSET', 'PEXPIREAT')
local q = next_number(KEYS[2], op)
if held[1] then redis.call('DEL', key) end
local CHUNK, at, gone, removes, puts_at = $CHUNK, key, nil, 0, 0
--@write_entries
redis.call('PEXPIREAT', key, math.min(idle, absolute))
local done = publish('A', 1, 0, nil, m, q, ARGV[2], ARGV[4], ARGV[5], ARGV[3])
return done .. m .. c .. struct.pack('>I6', now)
