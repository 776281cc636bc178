-- Shared by apply and touch: applies a use of the session to its `renewal`. After a use of the new id, the old one
-- forwards for the grace only. A use of the old id extends its forward to the end of the session, `ends`.
--
-- The caller writes '@c'.

if through == 1 then
  redis.call('PEXPIREAT', old_key, math.min(ends, renewal[2]))
else
  local till, forward = math.min(now + renewal[1], NEVER), renewal[4]
  redis.call('HDEL', key, '@r')
  if forward and #forward == $FORWARD_LENGTH and string.sub(forward, 1, 3) == $RENEWED_HEAD then
    local kept = math.min(till + renewal[3], NEVER)
    forward = string.sub(forward, 1, $FORWARD_TILL_AT - 1) .. struct.pack('>I7I7', till, kept)
      .. string.sub(forward, $FORWARD_TILL_AT + 14)
    redis.call('HSET', old_key, '@', forward)
    redis.call('PEXPIREAT', old_key, kept)
  end
end
