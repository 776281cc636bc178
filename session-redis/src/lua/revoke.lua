#!lua flags=allow-oom
-- Ends the session that an index lists at a key for a principal, and leaves a tombstone also where there is none yet:
-- a sign-in that is on its way there is then refused.
--
-- KEYS  1 the session, 2 its partition's sequence
-- ARGV  1 op id:8, reason:1, how long the tombstone stands:7, whether to leave one where there is nothing:1,
--         an incarnation that is spared:8 (preceded by 1, or 0 and anything)
--       2 digest:18 and origin:8, 3 PUBLISH or SPUBLISH, 4 the channel, 5 the principal
-- Reply A ended, B it had ended or never was, N it is another's, or spared, F<digest:18> it has moved, G cannot be read
-- All checks come before the first write.

--@shared
--@absent
--@announce
--@bury

local op, reason, tombstone, leave, spares, spared = struct.unpack('>c8BI7BBc8', ARGV[1])
local key = KEYS[1]
local held = redis.call('HMGET', key, '@', '@c', '@p')
local m, c, p = held[1], held[2], held[3]
if not is_live(m) or ends_at(m, c) <= now then
  local answer = absent(key, m, false)
  if answer == 'N' and leave == 1 then
    bury(key, nil, op, reason, tombstone, KEYS[2], ARGV[2], ARGV[3], ARGV[4])
  elseif answer == 'S' then
    -- Nothing is accessed through a listing: the forward of a sign-in leads on too.
    return 'F' .. string.sub(m, 19)
  elseif string.byte(answer) == 84 and string.sub(m, 3, 10) == op then
    return 'A' -- the answer was lost
  end
  return (answer == 'N' or string.byte(answer) == 84) and 'B' or answer
end
if p and principal_of(p) == '' then return 'G' end
if not p or principal_of(p) ~= ARGV[5] then return 'N' end
if spares == 1 and string.sub(m, 3, 10) == spared then return 'N' end
bury(key, m, op, reason, tombstone, KEYS[2], ARGV[2], ARGV[3], ARGV[4])
return 'A'
