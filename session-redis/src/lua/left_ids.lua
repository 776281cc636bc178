-- Shared by rotate and by the scripts that end sessions: the ids that a session has left, in '@f'.

-- The digests in '@f' = f, the latest first; an empty string if the last move is too long ago for a failover to lose it,
-- or if '@f' cannot be read.
local function recently_left(f)
  if not f or #f < $LEFT_DIGESTS_AT or (#f - $LEFT_DIGESTS_AT + 1) % 18 > 0 or string.byte(f) ~= 1 then return '' end
  local at = struct.unpack('>I6', f, $LEFT_TIME_AT)
  return now - at <= $LEFT_FOR and string.sub(f, $LEFT_DIGESTS_AT) or ''
end
