#!lua
-- Applies one delta to a session: S' = (S - D) u U.
--
-- KEYS  1 the session, 2 its partition's sequence
-- ARGV  1 op id:8, the same in hexadecimal:16, of a retry the incarnation:8 and version:6 that it knew (0: none),
--         limits: entries:4, bytes of a value:4, bytes:5; how long the index lists it for:7, through a forward:1,
--         numbers of preconditions, of fields to clear, of names to remove, of pairs to put: 4 each
--       2 digest:18 and origin:8, 3 the delta for the message or nothing, 4 PUBLISH or SPUBLISH, 5 the channel
--       6 … per precondition a hash field and what it must hold; fields to clear; names to remove; names and values
-- Reply A<@:50><@c:43><now:6> applied, R the same: done before, C<s|e|l><@:50> a precondition failed, U too far behind
--       to know, L a limit, I<span:7><principal> the index must list it for so long first; or as `absent` says
-- All checks come before the first write: type and format of the metadata, age, retry, preconditions, sizes, index.

--@shared
--@announce

local op, hex, retry_of, retry_version, max_entries, max_value, max_bytes, span, through, preconditions, clears, removes,
  puts = struct.unpack('>c8c16c8I6I4I4I5I7BI4I4I4I4', ARGV[1])
local key, names, first = KEYS[1], { '@', '@c', '@0', '@1' }, 6 + 2 * preconditions
for i = 1, preconditions do names[4 + i] = ARGV[4 + 2 * i] end
--@read
local m, c, ring0, ring1 = values[1], values[2], values[3], values[4]
if not is_live(m) or not is_whole(c) then
  --@absent
  return is_live(m) and 'G' or absent(key, m, through == 1)
end
local incarnation, version, tag, idle, had_entries, had_bytes = struct.unpack('>c8I8c16I7I4I5', m, 3)
local timeout, absolute, listed = struct.unpack('>I7I7I7', c, 8)
if idle <= now or absolute <= now then return 'N' end

if retry_version > 0 and retry_of ~= incarnation then return 'N' end
if ring0 and string.find(ring0, op, 1, true) or ring1 and string.find(ring1, op, 1, true) then
  --@has
  if has(ring0, op) or has(ring1, op) then return 'R' .. m .. c .. struct.pack('>I6', now) end
end
local changes = clears + removes + puts > 0
if changes and retry_version > 0 and version - retry_version >= 16 then return 'U' end
if preconditions > 0 then
  --@absent
  for i = 1, preconditions do
    local name, expected, held = ARGV[4 + 2 * i], ARGV[5 + 2 * i], values[4 + i]
    if name == '@' then
      if string.sub(m, 3, 34) ~= expected then return 'Cs' .. m end
    elseif name == '@l' then
      if is_odd_lock(held) then return 'G' end
      if not held or string.sub(held, 2, 15) ~= expected or struct.unpack('>I7', held, 16) <= now then
        return 'Cl' .. m
      end
    elseif (held and '1' .. held or '0') ~= expected then
      return 'Ce' .. m
    end
  end
end
if not changes then return 'A' .. m .. c .. struct.pack('>I6', now) end
if too_large then return too_large end
entries, bytes = had_entries + entries, had_bytes + bytes
--@limits

local before, count = idle < absolute and idle or absolute, #set
if timeout > 0 then
  local renewed = now + timeout - 1
  if renewed > idle then idle = renewed < absolute and renewed or absolute end
end
local ends = idle < absolute and idle or absolute
if ends > listed then
  --@absent
  local relisted = math.min(now + span, NEVER)
  if relisted < ends then
    return 'I' .. struct.pack('>I7', ends - now) .. principal_of(redis.call('HGET', key, '@p'))
  end
  c = string.sub(c, 1, 21) .. struct.pack('>I7', relisted) .. string.sub(c, 29)
  set[count + 1], set[count + 2] = '@c', c
  count = count + 2
end
version = version + 1
local after = struct.pack('>BBc8I8c16I7I4I5', 1, 83, incarnation, version, redis.sha1hex(tag .. hex), idle, entries, bytes)
--@remember
set[count + 3], set[count + 4] = '@', after

local q, at = draw_number(KEYS[2], op), key
--@write
if ends ~= before then redis.call('PEXPIREAT', key, ends) end
announce(2, 0, m, after, q, ARGV[2], ARGV[4], ARGV[5], ARGV[3])
return 'A' .. after .. c .. struct.pack('>I6', now)
