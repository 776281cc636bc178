-- Whether a part of the memory holds an op id, at one of its places and not across two.
local function has(ring, op)
  local at = ring and string.find(ring, op, 1, true)
  while at do
    if at % 8 == 1 then return true end
    at = string.find(ring, op, at + 1, true)
  end
  return false
end
