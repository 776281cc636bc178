-- Shared by apply and touch: the renewal of a session whose '@c' has format 2. The session is used at its new id, which
-- confirms the renewal, or through the old id.
--
-- Input: `key`, and `old_key` or nil. Output: `renewal`: the grace, until when to confirm, how long the forward is kept
-- after its end, and '@' of the old id.
-- Reply K<digest:18> the script needs the key of this old id.

local r = redis.call('HGET', key, '@r')
if not r or #r ~= $RENEWAL_LENGTH or string.byte(r) ~= 1 then return 'G' end
local _, old, grace, confirm_by, remembered = struct.unpack($RENEWAL_FORMAT, r)
if not old_key then return 'K' .. old end
renewal = { grace, confirm_by, remembered, redis.call('HGET', old_key, '@') }
