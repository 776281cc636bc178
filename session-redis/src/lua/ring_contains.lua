-- Whether a field of remembered op ids contains an op id, at one of its places and not across two.
local function ring_contains(ring, op)
  local at = ring and string.find(ring, op, 1, true)
  while at do
    if at % 8 == 1 then return true end
    at = string.find(ring, op, at + 1, true)
  end
  return false
end
