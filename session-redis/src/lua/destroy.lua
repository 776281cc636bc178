#!lua flags=allow-oom
-- Ends a session and leaves a tombstone. Works when memory is short.
--
-- KEYS  1 the session, 2 its partition's sequence
-- ARGV  1 op id:8, reason:1, lifetime of the tombstone:7, through a forward:1
--       2 digest:18 and origin:8, 3 PUBLISH or SPUBLISH, 4 the channel
-- Reply A(<digest:18>)… ended, with the ids that the session has left recently, R(<digest:18>)… ended before by the same
--       op id; or as in `absent`
-- All checks precede the first write.

--@prelude
--@absent
--@publish
--@left_ids
--@tombstone

local op, reason, tombstone, through = struct.unpack('>c8BI7B', ARGV[1])
local key = KEYS[1]
local held = redis.call('HMGET', key, '@', '@c', '@f')
local m, c, f = held[1], held[2], held[3]
if not is_live(m) then
  local answer = absent(key, m, through == 1)
  -- 84 is `T`.
  if string.byte(answer) == 84 and string.sub(m, $TOMBSTONE_OP_RANGE) == op then return 'R' .. recently_left(f) end
  return answer
end
-- A session with a stamp can be ended even if its other fields cannot be read.
if ends_at(m, c) <= now then return 'N' end
local done = write_tombstone('A', key, m, f, op, reason, tombstone, KEYS[2], ARGV[2], ARGV[3], ARGV[4])
return done .. recently_left(f)
