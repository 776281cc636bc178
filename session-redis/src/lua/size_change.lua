-- Shared by apply and rotate: how a delta changes the size of a session.
--
-- Input: `key`; in ARGV from `clears_at` on `clears` fields to clear, from `removes_at` on `removes` names to remove, and
-- from `puts_at` on `puts` names to put, followed by as many values of at most `max_value` bytes each; and `values`,
-- which has the present values of the names after `skip` others.
-- Output: the changes `entries` and `bytes`, the names `gone` that the clears remove, and `too_large`.
-- The size of an entry excludes the bytes that precede its name: one for a scalar, two for a keyed entry.

local entries, bytes, gone, cleared, too_large = 0, 0
if clears > 0 then
  --@chunks
  gone, cleared = {}, {}
  local all = redis.call('HKEYS', key)
  for i = clears_at, clears_at + clears - 1 do
    local prefix, found = ARGV[i], {}
    for _, name in ipairs(all) do
      if string.sub(name, 1, #prefix) == prefix then found[#found + 1] = name end
    end
    local old = fetch(key, {}, found, 1, #found)
    for j = 1, #found do
      gone[#gone + 1], cleared[found[j]] = found[j], true
      entries, bytes = entries - 1, bytes - (#found[j] - 2 + #old[j])
    end
  end
end
for i = 1, removes do
  local old = values[skip + i]
  if old then
    local name = ARGV[removes_at + i - 1]
    entries, bytes = entries - 1, bytes - (#name - (string.byte(name) == $SCALAR and 1 or 2) + #old)
  end
end
for i = 1, puts do
  local old, value = values[skip + removes + i], ARGV[puts_at + puts + i - 1]
  if old and not (cleared and cleared[ARGV[puts_at + i - 1]]) then
    bytes = bytes - #old + #value
  else
    local name = ARGV[puts_at + i - 1]
    entries, bytes = entries + 1, bytes + #name - (string.byte(name) == $SCALAR and 1 or 2) + #value
  end
  if #value > max_value then too_large = 'Lv' .. struct.pack('>I8', #value) .. ARGV[puts_at + i - 1] end
end
