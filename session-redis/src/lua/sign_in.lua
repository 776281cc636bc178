#!lua
-- Signs a principal in where there is no session that it may continue: starts another one at the new id.
--
-- KEYS  1 the session at the old id, or to which that has led, 2 the new id, 3 their partition's sequence, 4 the old id, if
--       it forwards to the session
-- ARGV  1 op id:8, the same in hexadecimal:16, grace:7, idle timeout plus 1:7 (0: none), lifetime:7 (0: none), limits:
--         bytes of a value:4, entries:4, bytes:5; how long the index lists the new id:7 (0: not at all), what the first
--         key is:1 (0 the session that the old id gives access to, 1 one to which it has only led, 2 nothing), the
--         incarnation to which the values are bound:8, the new digest:18, numbers of fields to keep, to clear, of names to remove, of pairs to put: 4 each
--       2 digest of the first key:18 and origin:8, 3 the same of the new id, 4 PUBLISH or SPUBLISH, 5 the channel, 6 the
--         principal for whose list the new id was added, 7 the principal that signs in, 8 its note and the format of
--         that, or nothing
--       9 … scalars to keep; as many fields to keep; fields to clear; names to remove; names to put; as many values
-- Reply A<@:50><@c:43><now:6> started, R the same: started before, D the same and (<digest:18>)…: started over another
--       principal's session, which has ended, with the ids that this one has left recently, V the principal may continue
--       the session: rotate it, F<digest:18> the old id forwards there, S<digest:18> the first key has led there and gives
--       no access, E<reason:1><since:6><now:6> the new id has been ended, W it is in use, L a limit, I<span:7><principal>
--       the index must list the new id for this long first, G the key cannot be read
-- All checks precede the first write.

--@prelude
--@publish
--@absent
--@left_ids

local op, hex, grace, timeout, lifetime, max_value, max_entries, max_bytes, span, how, bound_to, to, keeps, clears, removes,
  puts = struct.unpack('>c8c16I7I7I7I4I4I5I7Bc8c18I4I4I4I4', ARGV[1])
local key, target, principal = KEYS[1], KEYS[2], ARGV[7]

local there = redis.call('HMGET', target, '@', '@c')
if is_live(there[1]) then
  if not is_whole(there[1], there[2]) then return 'G' end
  if ends_at(there[1], there[2]) > now then
    if string.sub(there[2], $MOVED_BY_RANGE) ~= op then return 'W' end
    return 'R' .. there[1] .. there[2] .. struct.pack('>I6', now)
  end
else
  local answer = absent(target, there[1], false)
  local sort = string.byte(answer)
  if sort == 71 then return 'G' end -- 71 is `G`
  if answer ~= 'N' then return sort == 84 and #there[1] == $TOMBSTONE_LENGTH and 'E' .. string.sub(answer, 2) or 'W' end
end

local held = redis.call('HMGET', key, '@', '@c', '@p', '@i', '@f')
local m, c, p, i, f = held[1], held[2], held[3], held[4], held[5]
-- Which entries the new session takes over: `all`, those that are `kept`, or none.
local takes, ends_first
if how < 2 and is_live(m) then
  if not is_whole(m, c) or (p and principal_of(p) == '') then return 'G' end
  if ends_at(m, c) > now then
    if how == 1 then
      local _, since = struct.unpack($PRINCIPAL_FORMAT, p or string.rep('\0', $PRINCIPAL_AT))
      takes = p and principal_of(p) == principal and since + grace > now and 'all'
    elseif not p or principal_of(p) == principal then
      return 'V'
    else
      takes, ends_first = 'kept', true
    end
  end
elseif how < 2 then
  local answer = absent(key, m, false)
  local sort = string.byte(answer)
  if sort == 71 then return 'G' end
  -- An old id gives access through one renewal.
  if sort == 70 and how == 0 and not KEYS[4] then return answer end -- 70 is `F`
  if sort == 70 or sort == 83 then return 'S' .. string.sub(m, $FORWARD_DIGEST_AT) end -- 83 is `S`
end

-- Positions in ARGV: scalars to keep, fields to keep, fields to clear, names to remove, names to put, values.
local fields_at = 9 + keeps
local clears_at = fields_at + keeps
local removes_at = clears_at + clears
local puts_at = removes_at + removes
local function has_prefix(name, from, count)
  for i = from, from + count - 1 do
    if string.sub(name, 1, #ARGV[i]) == ARGV[i] then return true end
  end
  return false
end
local function is_kept(name)
  for i = 9, fields_at - 1 do
    if name == ARGV[i] then return true end
  end
  return has_prefix(name, fields_at, keeps)
end
local function size(of)
  local entries, bytes = 0, 0
  for name, value in pairs(of) do
    entries, bytes = entries + 1, bytes + #name - (string.byte(name) == $SCALAR and 1 or 2) + #value
  end
  return entries, bytes
end

local state = {}
if takes then
  -- The values that it takes over are bound to what they were bound to there.
  bound_to = i and string.sub(i, 2) or string.sub(m, $INCARNATION_RANGE)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local name = all[i]
    if string.byte(name) ~= 64 and (takes == 'all' or is_kept(name)) then state[name] = all[i + 1] end -- 64 is `@`
  end
end
local had_entries, had_bytes = size(state)
for name in pairs(state) do
  if has_prefix(name, clears_at, clears) then state[name] = nil end
end
for i = removes_at, puts_at - 1 do state[ARGV[i]] = nil end
for i = puts_at, puts_at + puts - 1 do
  local name, value = ARGV[i], ARGV[i + puts]
  if #value > max_value then return 'Lv' .. struct.pack('>I8', #value) .. name end
  state[name] = value
end
local entries, bytes = size(state)
--@check_limits

local absolute, idle
--@new_deadlines
local ends, listed = math.min(idle, absolute), math.min(now + span, NEVER)
if span == 0 or ARGV[6] ~= principal or listed < ends then
  return 'I' .. struct.pack('>I7', (absolute < NEVER and absolute or ends) - now) .. principal
end
local tag = string.sub(redis.sha1hex('0000000000000000' .. hex), 1, 16)
-- The new session's incarnation is the op id.
local after = struct.pack($STATE_FORMAT, $SESSION_TYPE, op, 1, tag, idle, entries, bytes)
c = struct.pack($CONSTANTS_FORMAT, 1, now, timeout, absolute, listed, op, 0)
local set = { '@', after, '@0', op, '@1', '', '@c', c, '@p', struct.pack($PRINCIPAL_FORMAT, 1, now, listed) .. principal }
local count = 10
if ARGV[8] ~= '' then
  set[11], set[12], count = '@n', ARGV[8], 12
end
if bound_to ~= op then
  set[count + 1], set[count + 2] = '@i', '\1' .. bound_to
  count = count + 2
end
for name, value in pairs(state) do
  set[count + 1], set[count + 2] = name, value
  count = count + 2
end

--@check_permitted
check_permitted(key, 'DEL', 'HSET', 'PEXPIREAT')
local q = next_number(KEYS[3], op)
local ended = q
if ends_first then
  q = next_number(KEYS[3], op)
  local till = math.min(now + grace, NEVER)
  for _, from in ipairs(KEYS[4] and { key, KEYS[4] } or { key }) do
    redis.call('DEL', from)
    redis.call('HSET', from, '@', struct.pack($FORWARD_FORMAT, $FORWARD_TYPE, 'P', op, till, till, to))
    redis.call('PEXPIREAT', from, till)
  end
end
if there[1] then redis.call('DEL', target) end
local CHUNK, at, gone = $CHUNK, target, nil
removes = 0
--@write_entries
redis.call('PEXPIREAT', target, ends)
if ends_first then publish('D', 5, $REASON_REPLACED, m, nil, ended, ARGV[2], ARGV[4], ARGV[5], '') end
local done = publish(ends_first and 'D' or 'A', 1, 0, nil, after, q, ARGV[3], ARGV[4], ARGV[5], '')
return done .. after .. c .. struct.pack('>I6', now) .. (ends_first and recently_left(f) or '')
