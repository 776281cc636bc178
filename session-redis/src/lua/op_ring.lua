-- Shared by apply and rotate: `ring` with the op id of the new `version` before the seven others, and its field `place`.
-- Odd versions are in `ring0`, even ones in `ring1`; together they remember the last 16.

local place, ring = '@0', ring0
if version % 2 == 0 then place, ring = '@1', ring1 end
ring = ring and op .. string.sub(ring, 1, $RING_KEPT) or op
