-- Why there is no session in a key, and what is rarely looked at.

-- Whether there is a lock in '@l' = l that cannot be read.
local function is_odd_lock(l)
  return l and (#l ~= 22 or string.byte(l) ~= 1)
end

-- Who is signed in by '@p' = p; nothing if that is not there or cannot be read.
local function principal_of(p)
  return p and #p > 14 and string.byte(p) == 1 and string.sub(p, 15) or ''
end

-- When the session of '@' = m and '@c' = c ends by itself. A '@c' that cannot be read has no say.
local function ends_at(m, c)
  local idle = struct.unpack('>I7', m, 35)
  if not is_whole(c) then return idle end
  local absolute = struct.unpack('>I7', c, 15)
  return math.min(idle, absolute)
end

-- The answer about a key without a live session, from its '@'. `through`: a forward has led here, and another one leads
-- nowhere.
--   N nothing · T<reason:1><since:6><now:6> ended · S superseded · F<digest:18> forwards · G cannot be read
local function absent(key, m, through)
  if not m then
    return redis.call('EXISTS', key) == 0 and 'N' or 'G'
  end
  local head = string.sub(m, 1, 2)
  if head == '\1T' and #m == 24 then
    local reason, since, till = struct.unpack('>c1I6I7', m, 11)
    return till <= now and 'N' or 'T' .. reason .. struct.pack('>I6I6', since, now)
  elseif head == '\1F' and #m == 36 then
    local how, op, till, to = struct.unpack('>c1c8I7c18', m, 3)
    if till <= now then return 'N' end
    if how == 'P' then return 'S' end
    return through and 'N' or 'F' .. to
  elseif is_live(m) then
    return 'N' -- it has expired
  end
  return 'G'
end
