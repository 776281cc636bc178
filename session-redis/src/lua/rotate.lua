#!lua
-- Moves a session to a new id, with a delta, a principal and deadlines in the same step.
--
-- KEYS  1 the session, 2 where it moves, 3 their partition's sequence, 4 the old id through which it was found, if any
-- ARGV  1 op id:8, the same in hexadecimal:16, R (renew) or P (privilege):1, grace:7, time to confirm it:7, how long an
--         old id is remembered:7, whether there are new deadlines:1, idle timeout plus 1:7 (0: none), lifetime:7 (0:
--         none), limits: bytes of a value:4, entries:4, bytes:5; how long the index lists the new id:7 (0: not at all),
--         through a forward:1, the requested digest:18, the new digest:18, numbers of fields to clear, of names to
--         remove, of pairs to put: 4 each
--       2 old digest:18 and origin:8, 3 new digest and the delta for the message, 4 PUBLISH or SPUBLISH, 5 the channel,
--       6 the principal for whose list the new id was added, 7 the principal that signs in, or nothing, 8 its note and
--         the format of that, or nothing
--       9 … fields to clear; names to remove; names to put; as many values
-- Reply A<@:50><@c:43><now:6> moved, R the same: moved before and still there, M moved before and moved on since,
--       X another rotation was first, Z there is no session that the principal may continue, E<reason:1><since:6><now:6>
--       the new id has been ended, W it is in use, L a limit, I<span:7><principal> the index must list the new id for
--       this long first; or as in `absent`
-- All checks precede the first write.

--@prelude
--@publish
--@absent
--@left_ids

local op, hex, kind, grace, confirm, remembered, anew, new_timeout, lifetime, max_value, max_entries, max_bytes, span,
  through, requested, to, clears, removes, puts = struct.unpack('>c8c16c1I7I7I7BI7I7I4I4I5I7Bc18c18I4I4I4', ARGV[1])
local key, target, signs = KEYS[1], KEYS[2], ARGV[7] ~= ''

local there = redis.call('HMGET', target, '@', '@c')
local live_there = is_live(there[1]) and ends_at(there[1], there[2]) > now
if live_there then
  if not is_whole(there[1], there[2]) then return 'G' end
  if string.sub(there[2], $MOVED_BY_RANGE) == op then
    return 'R' .. there[1] .. there[2] .. struct.pack('>I6', now)
  end
end

local clears_at, removes_at, puts_at, CHUNK = 9, 9 + clears, 9 + clears + removes, $CHUNK
local last = puts_at + puts - 1
local values
if last - removes_at < CHUNK then
  values = redis.call('HMGET', key, '@', '@c', '@0', '@1', '@p', '@f', unpack(ARGV, removes_at, last))
else
  --@chunks
  values = fetch(key, redis.call('HMGET', key, '@', '@c', '@0', '@1', '@p', '@f'), ARGV, removes_at, last)
end
local m, c, ring0, ring1, p, f = values[1], values[2], values[3], values[4], values[5], values[6]
if not is_live(m) then
  local answer = absent(key, m, through == 1)
  local sort = string.byte(answer)
  if sort == 70 or sort == 83 then -- F, S
    if string.sub(m, $FORWARD_OP_RANGE) == op then return 'M' end
    if sort == 83 and through == 0 and not signs then return 'X' end
  end
  return signs and sort ~= 70 and sort ~= 71 and 'Z' or answer -- 71 is `G`
end
if not is_whole(m, c) or (p and principal_of(p) == '') then return 'G' end
local _, incarnation, version, tag, idle, had_entries, had_bytes = struct.unpack($STATE_FORMAT, m)
local format, created, timeout, absolute, listed, moved_by, renewed = struct.unpack($CONSTANTS_FORMAT, c)
if idle <= now or absolute <= now then return signs and 'Z' or 'N' end
if signs and p and principal_of(p) ~= ARGV[7] then return 'Z' end
if kind == 'R' then
  if renewed > now then return 'X' end
  -- It has happened, and others have followed it.
  --@ring_contains
  if ring_contains(ring0, op) or ring_contains(ring1, op) then return 'X' end
  -- The renewal was confirmed, and its grace has ended since the forward was read.
  if through == 1 and format == 1 then return 'T' .. struct.pack('>BI6I6', $REASON_RENEWED, renewed, now) end
end
if live_there then return 'W' end
if not is_live(there[1]) then
  local answer = absent(target, there[1], false)
  local sort = string.byte(answer)
  if sort == 84 and #there[1] == $TOMBSTONE_LENGTH then return 'E' .. string.sub(answer, 2) end
  if sort == 71 then return 'G' end
  if answer ~= 'N' then return 'W' end
end
local skip = 6
--@size_change
if too_large then return too_large end
entries, bytes = had_entries + entries, had_bytes + bytes
--@check_limits

if anew == 1 then
  timeout = new_timeout
  --@new_deadlines
elseif timeout > 0 then
  idle = math.min(math.max(idle, math.min(now + timeout - 1, NEVER)), absolute)
end
-- The old id must still forward here: it may have ended since it was read.
local old = through == 1 and redis.call('HGET', KEYS[4], '@')
local gives_access = old and #old == $FORWARD_LENGTH and string.sub(old, 1, 3) == $RENEWED_HEAD
  and struct.unpack('>I7', old, $FORWARD_TILL_AT) > now
if through == 1 and not gives_access then return signs and 'Z' or 'N' end
local ends = math.min(idle, absolute)
local principal = ARGV[7] ~= '' and ARGV[7] or p and principal_of(p)
-- The values of the metadata are filled in at the end.
local set, count = { '@', '', '@c', '' }, 4 + 2 * puts
for i = 0, puts - 1 do set[5 + 2 * i], set[6 + 2 * i] = ARGV[puts_at + i], ARGV[last + 1 + i] end
listed = NEVER
if principal then
  listed = math.min(now + span, NEVER)
  if span == 0 or ARGV[6] ~= principal or listed < ends then
    return 'I' .. struct.pack('>I7', (absolute < NEVER and absolute or ends) - now) .. principal
  end
  local since = now
  if p and not signs then _, since = struct.unpack($PRINCIPAL_FORMAT, p) end
  set[count + 1], set[count + 2] = '@p', struct.pack($PRINCIPAL_FORMAT, 1, since, listed) .. principal
  count = count + 2
  if signs and ARGV[8] ~= '' then
    set[count + 1], set[count + 2] = '@n', ARGV[8]
    count = count + 2
  end
end
if clears + removes + puts > 0 then
  version = version + 1
  tag = redis.sha1hex(tag .. hex)
  --@op_ring
  set[count + 1], set[count + 2] = place, ring
  count = count + 2
end
local till, confirm_by = math.min(now + grace, NEVER), math.min(now + confirm, NEVER)
local after = struct.pack($STATE_FORMAT, $SESSION_TYPE, incarnation, version, tag, idle, entries, bytes)
-- The last number is until when another renewal is refused.
c = struct.pack($CONSTANTS_FORMAT, kind == 'R' and 2 or 1, created, timeout, absolute, listed, op, kind == 'R' and till or 0)
set[2], set[4] = after, c
-- A failover may lose this move, and the end of the session with it: the session is then back where it was.
set[count + 1] = '@f'
set[count + 2] = struct.pack('>BI6', 1, now) .. string.sub(ARGV[2], 1, 18) .. string.sub(recently_left(f), 1, $LEFT_KEPT)
count = count + 2
if kind == 'R' then
  set[count + 1] = '@r'
  set[count + 2] = struct.pack($RENEWAL_FORMAT, 1, requested, grace, confirm_by, remembered)
  count = count + 2
end

--@check_permitted
check_permitted(key, 'HDEL', 'HSET', 'PEXPIREAT')
local q = next_number(KEYS[3], op)
redis.call('RENAME', key, target)
local at = target
--@write_entries
redis.call('PEXPIREAT', target, ends)
if kind == 'P' and format == 2 then redis.call('HDEL', target, '@r') end
-- The client has the requested id. An unconfirmed id was never used, so it gives no access from now on.
local forwards = kind == 'R' and (through == 1 and KEYS[4] or key)
for _, from in ipairs(through == 1 and { key, KEYS[4] } or { key }) do
  if from == forwards then
    redis.call('HSET', from, '@', struct.pack($FORWARD_FORMAT, $FORWARD_TYPE, 'R', op, NEVER, NEVER, to))
    redis.call('PEXPIREAT', from, math.min(ends, confirm_by))
  else
    redis.call('HSET', from, '@', struct.pack($FORWARD_FORMAT, $FORWARD_TYPE, 'P', op, till, till, to))
    redis.call('PEXPIREAT', from, till)
  end
end
local done = publish('A', kind == 'R' and 3 or 4, 0, m, after, q, ARGV[2], ARGV[4], ARGV[5], ARGV[3])
return done .. after .. c .. struct.pack('>I6', now)
