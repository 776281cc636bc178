#!lua
-- Applies one delta to a session, S' = (S - D) u U, and can give it new deadlines.
--
-- KEYS  1 the session, 2 its partition's sequence, 3 the old id of its renewal, if it is known
-- ARGV  1 op id:8, the same in hexadecimal:16, the last moment to apply it:7, limits: bytes of a value:4, entries:4,
--         bytes:5; then, unless all of it is zero, of a retry the incarnation:8 and version:6 that it is based on
--         (0: none); how long the index lists it:7, through a forward:1, numbers of fields to clear, of preconditions,
--         of names to remove: 4 each;
--         whether there are new deadlines:1, idle timeout plus 1:7 (0: none), lifetime:7 (0: none)
--       2 digest:18 and origin:8, 3 the message's body: the op id, and the delta or nothing, 4 PUBLISH or SPUBLISH, 5 the channel
--       6 … fields to clear; the expected values of preconditions; their hash fields; names to remove; names to put;
--         as many values
-- Reply A<@:50><@c:43><now:6> applied, R the same: applied before, C<s|e|l><@:50> a precondition failed, U the retry is
--       too late to tell, D<now:6> the last moment to apply it is past, L a limit, I<span:7><principal> the index must
--       list it for this long first, K<digest:18> the script needs the key of this old id; or as in `absent`. The error
--       HALFDONE means that it is applied and not renewed, since PEXPIREAT was denied
-- All checks precede the first write: type and format of the metadata, age, retry, preconditions, sizes, index.
--
-- The most frequent script: rare cases are in branches, and every string or table that is not created saves time, also
-- of the garbage collector.

local ARGV, NEVER, call, try, pack, read, sub, find, type =
  ARGV, $NEVER, redis.call, redis.pcall, struct.pack, struct.unpack, string.sub, string.find, type
local head, key = ARGV[1], KEYS[1]
local op, hex, not_after, max_value = read('>c8c16I7I4', head)
local retry_of, retry_version, span, through, clears, preconditions, removes, anew = nil, 0, 0, 0, 0, 0, 0, 0
local new_timeout, lifetime
if #head > 44 then
  retry_of, retry_version, span, through, clears, preconditions, removes, anew, new_timeout, lifetime =
    read('>c8I6I7BI4I4I4BI7I7', head, 45)
end
local clears_at, names_at = 6, 6 + clears + preconditions
local removes_at = names_at + preconditions
local puts_at = removes_at + removes
local puts = (#ARGV - puts_at + 1) / 2
local last, CHUNK = puts_at + puts - 1, $CHUNK
local values
if last - names_at < CHUNK then
  values = call('HMGET', key, '@', '@c', '@0', '@1', unpack(ARGV, names_at, last))
else
  --@chunks
  values = fetch(key, call('HMGET', key, '@', '@c', '@0', '@1'), ARGV, names_at, last)
end
local m, c, ring0, ring1 = values[1], values[2], values[3], values[4]
local sort, incarnation, version, tag, idle, had_entries, had_bytes, made, timeout, absolute, listed
if m and #m == $STATE_LENGTH and c and #c == $CONSTANTS_LENGTH then
  sort, incarnation, version, tag, idle, had_entries, had_bytes = read($STATE_FORMAT, m)
  made, timeout, absolute, listed = read('>I7I7I7I7', c)
end
-- `made` is the format of '@c', which is 1 unless the renewal is unconfirmed, and the six bytes of the time of creation. The
-- rest is what `is_whole` checks.
local renewal
if sort ~= $SESSION_TYPE or made < 281474976710656 or made >= 562949953421312
  or version >= NEVER or idle > NEVER or absolute > NEVER or timeout > NEVER + 1 or (timeout == 0 and absolute == NEVER)
  or find(tag, '[^0-9a-f]') then
  --@prelude
  --@absent
  if not is_live(m) then return absent(key, m, through == 1) end
  if not is_whole(m, c) then return 'G' end
  local old_key = KEYS[3]
  --@renewal
end
-- The time, from what the key has left: its expiry is the session's end. That costs half of TIME, and reads do the same.
local ends, left = idle < absolute and idle or absolute, call('PTTL', key)
local now = ends - left
if left < 0 then
  -- Another program has removed the expiry.
  local clock = call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
if ends <= now then return 'N' end

if retry_version > 0 and retry_of ~= incarnation then return 'N' end
if ring0 and find(ring0, op, 1, true) or ring1 and find(ring1, op, 1, true) then
  --@ring_contains
  if ring_contains(ring0, op) or ring_contains(ring1, op) then return 'R' .. m .. c .. pack('>I6', now) end
end
local changes = clears + removes + puts + anew > 0
if changes and retry_version > 0 and version - retry_version >= $REMEMBERED then return 'U' end
if now > not_after and changes then return 'D' .. pack('>I6', now) end
if preconditions > 0 then
  --@absent
  for i = 1, preconditions do
    local name, expected, held = ARGV[names_at + i - 1], ARGV[5 + clears + i], values[4 + i]
    if name == '@' then
      if sub(m, $STAMP_RANGE) ~= expected then return 'Cs' .. m end
    elseif name == '@l' then
      if is_odd_lock(held) then return 'G' end
      if not held or sub(held, $TOKEN_RANGE) ~= expected or read('>I7', held, $LEASE_AT) <= now then return 'Cl' .. m end
    elseif (held and '1' .. held or '0') ~= expected then
      return 'Ce' .. m
    end
  end
end
if not changes then return 'A' .. m .. c .. pack('>I6', now) end
local skip = 4 + preconditions
--@size_change
if too_large then return too_large end
entries, bytes = had_entries + entries, had_bytes + bytes
if entries > had_entries or bytes > had_bytes then
  local max_entries, max_bytes = read('>I4I5', head, 36)
  --@check_limits
end

local before = left < 0 and 0 or ends
if anew == 1 then
  timeout = new_timeout
  --@new_deadlines
  ends = idle < absolute and idle or absolute
  c = sub(c, 1, $TIMEOUT_AT - 1) .. pack('>I7I7', timeout, absolute) .. sub(c, $LISTED_AT)
elseif timeout > 0 then
  local renewed = now + timeout - 1
  if renewed > idle then idle = renewed < absolute and renewed or absolute end
  ends = idle < absolute and idle or absolute
end
version = version + 1
--@op_ring
local after = pack($STATE_FORMAT, $SESSION_TYPE, incarnation, version, redis.sha1hex(tag .. hex), idle, entries, bytes)
if ends > listed then
  --@absent
  local relisted = math.min(now + span, NEVER)
  if relisted < ends then return 'I' .. pack('>I7', ends - now) .. principal_of(call('HGET', key, '@p')) end
  c = sub(c, 1, $LISTED_AT - 1) .. pack('>I7', relisted) .. sub(c, $LISTED_AT + 7)
end

if renewal and through == 0 then c = '\1' .. sub(c, 2, $RENEWED_AT - 1) .. pack('>I7', math.min(now + renewal[1], NEVER)) end
if gone or removes > 0 or renewal or anew == 1 then
  --@check_permitted
  check_permitted(key, 'HDEL', 'HSET', 'PEXPIREAT')
end
local q = call('INCR', KEYS[2])
if q == 1 then
  local sequence, seed = KEYS[2], op
  --@seed_sequence
end
if puts == 1 and removes == 0 and not gone and ends <= listed and not renewal and anew == 0 then
  call('HSET', key, '@', after, place, ring, ARGV[puts_at], ARGV[last + 1])
else
  local at, set, count = key, { '@', after, place, ring }, 4 + 2 * puts
  for i = 1, puts do set[3 + 2 * i], set[4 + 2 * i] = ARGV[puts_at + i - 1], ARGV[last + i] end
  if ends > listed or renewal or anew == 1 then
    set[count + 1], set[count + 2] = '@c', c
    count = count + 2
  end
  if anew == 1 then
    set[count + 1], set[count + 2] = '@d', pack('>BI6', 1, now)
    count = count + 2
  end
  --@write_entries
  if renewal then
    local old_key = KEYS[3]
    --@renewal_used
  end
end
local is_renewed = true
if ends ~= before and type(try('PEXPIREAT', key, ends)) ~= 'number' then
  -- The permission was revoked. A check in advance would cost every update more than this branch. The update is stored,
  -- and the deadline in the metadata must be that of the key.
  is_renewed = false
  call('HSET', key, '@', sub(after, 1, $IDLE_AT - 1) .. sub(m, $IDLE_AT, $IDLE_AT + 6) .. sub(after, $IDLE_AT + 7))
end
-- Format 1, an update, both stamps, no reason: what `publish` does, in one piece.
local sent = try(ARGV[4], ARGV[5], pack('>I4I8', 16909056, q) .. ARGV[2] .. sub(m, $STAMP_RANGE) .. sub(after, $STAMP_RANGE) .. ARGV[3])
if not is_renewed then return redis.error_reply('HALFDONE the update is stored and the session is not renewed') end
return (type(sent) == 'number' and 'A' or 'a') .. after .. c .. pack('>I6', now)
