-- Why a key holds no session, and functions that are rarely called.

-- Whether '@l' = l is a lock that cannot be read.
local function is_odd_lock(l)
  return l and (#l ~= $LOCK_LENGTH or string.byte(l) ~= 1)
end

-- The principal in '@p' = p; an empty string if there is none or it cannot be read.
local function principal_of(p)
  return p and #p >= $PRINCIPAL_AT and string.byte(p) == 1 and string.sub(p, $PRINCIPAL_AT) or ''
end

-- When the session of '@' = m and '@c' = c ends by itself. A '@c' of an unknown format is ignored.
local function ends_at(m, c)
  local idle = struct.unpack('>I7', m, $IDLE_AT)
  if not is_known(c) then return idle end
  local absolute = struct.unpack('>I7', c, $ABSOLUTE_AT)
  return math.min(idle, absolute)
end

-- The reply about a key without a live session, from its '@'. `through`: a forward has led here, and a second one leads
-- nowhere.
--   N nothing · T<reason:1><since:6><now:6> ended, or the old id of a renewal that is over · S superseded · F<digest:18>
--   forwards · G cannot be read
local function absent(key, m, through)
  if not m then
    return redis.call('EXISTS', key) == 0 and 'N' or 'G'
  end
  local head = string.sub(m, 1, 2)
  if head == $TOMBSTONE_HEAD and #m == $TOMBSTONE_LENGTH then
    local _, op, reason, since, till = struct.unpack($TOMBSTONE_FORMAT, m)
    return till <= now and 'N' or 'T' .. struct.pack('>BI6I6', reason, since, now)
  elseif head == $FORWARD_HEAD and #m == $FORWARD_LENGTH then
    local _, how, op, till, kept, to = struct.unpack($FORWARD_FORMAT, m)
    if kept <= now then return 'N' end
    if how == 'P' then return 'S' end
    if till <= now then return 'T' .. struct.pack('>BI6I6', $REASON_RENEWED, till, now) end
    return through and 'N' or 'F' .. to
  elseif is_live(m) then
    return 'N' -- it has expired
  end
  return 'G'
end
