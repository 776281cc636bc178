#!lua flags=allow-oom
-- Ends the session that an index lists at a key for a principal. Leaves a tombstone even where there is no session yet,
-- so that a sign-in in progress there is refused.
--
-- KEYS  1 the session, 2 its partition's sequence
-- ARGV  1 op id:8, reason:1, lifetime of the tombstone:7, whether to leave one where there is nothing:1,
--         an incarnation that is kept:8 (preceded by 1, or 0 and anything)
--       2 digest:18 and origin:8, 3 PUBLISH or SPUBLISH, 4 the channel, 5 the principal
-- Reply A(<digest:18>)… ended, with the ids that the session has left recently, B it had ended or never was, O the same, and
--       a tombstone was left, N it is another principal's, or kept, F<digest:18> it has moved, G it cannot be read
-- All checks precede the first write.

--@prelude
--@absent
--@publish
--@left_ids
--@tombstone

local op, reason, tombstone, leave, keeps, kept = struct.unpack('>c8BI7BBc8', ARGV[1])
local key = KEYS[1]
local held = redis.call('HMGET', key, '@', '@c', '@p', '@f')
local m, c, p, f = held[1], held[2], held[3], held[4]
if not is_live(m) or ends_at(m, c) <= now then
  -- A listing gives no access, so every forward is followed.
  if m and #m == $FORWARD_LENGTH and string.sub(m, 1, 2) == $FORWARD_HEAD then
    return 'F' .. string.sub(m, $FORWARD_DIGEST_AT)
  end
  local answer = absent(key, m, false)
  local sort = string.byte(answer)
  if answer == 'N' and leave == 1 then
    return write_tombstone('O', key, nil, nil, op, reason, tombstone, KEYS[2], ARGV[2], ARGV[3], ARGV[4])
  end
  if sort == 84 and string.sub(m, $TOMBSTONE_OP_RANGE) == op then -- 84 is `T`
    return 'A' .. recently_left(f) -- an earlier attempt, whose answer was lost
  end
  return (answer == 'N' or sort == 84) and 'B' or answer
end
if p and principal_of(p) == '' then return 'G' end
if not p or principal_of(p) ~= ARGV[5] then return 'N' end
if keeps == 1 and string.sub(m, $INCARNATION_RANGE) == kept then return 'N' end
local done = write_tombstone('A', key, m, f, op, reason, tombstone, KEYS[2], ARGV[2], ARGV[3], ARGV[4])
return done .. recently_left(f)
