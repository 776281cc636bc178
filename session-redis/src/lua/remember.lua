-- Shared by apply and rotate: puts the op id of the new `version` into `set`, behind its `count` parts: 16 places, eight
-- in each of `ring0` and `ring1`.

local place, ring = (version - 1) % 16, ring0
if place < 8 then
  set[count + 1] = '@0'
else
  place, ring = place - 8, ring1
  set[count + 1] = '@1'
end
set[count + 2] = ring and string.sub(ring, 1, 8 * place) .. op .. string.sub(ring, 8 * place + 9) or op
