-- Shared by apply and rotate: reads what a delta touches, and makes lists of what to remove and to put.
--
-- Takes `key`, `names` to read besides, and ARGV from `first`: `clears` fields to clear, `removes` names to remove, `puts`
-- pairs to put, of which no value may have more than `max_value` bytes.
-- Gives `values` of the names, the changes in size `entries` and `bytes`, the lists `gone` and `set`, and `too_large`.
-- The bytes of an entry: names of scalars begin with one byte that is not theirs, those of keyed entries with two.

local CHUNK = 4000
local skip, puts_at = #names, first + clears + removes
for i = puts_at - removes, puts_at - 1 do names[#names + 1] = ARGV[i] end
for i = puts_at, puts_at + 2 * puts - 1, 2 do names[#names + 1] = ARGV[i] end
local values
if #names <= CHUNK then
  values = redis.call('HMGET', key, unpack(names))
else
  --@chunks
  values = fetch(key, names)
end
local entries, bytes, set, gone, cleared, too_large = 0, 0, {}
if clears > 0 then
  --@chunks
  gone, cleared = {}, {}
  local all = redis.call('HKEYS', key)
  for i = first, first + clears - 1 do
    local prefix, found = ARGV[i], {}
    for _, name in ipairs(all) do
      if string.sub(name, 1, #prefix) == prefix then found[#found + 1] = name end
    end
    local old = fetch(key, found)
    for j = 1, #found do
      gone[#gone + 1], cleared[found[j]] = found[j], true
      entries, bytes = entries - 1, bytes - (#found[j] - 2 + #old[j])
    end
  end
end
if removes > 0 then
  gone = gone or {}
  for i = skip + 1, skip + removes do
    local name, old = names[i], values[i]
    if old then
      gone[#gone + 1] = name
      entries, bytes = entries - 1, bytes - (#name - (string.byte(name) == 61 and 1 or 2) + #old)
    end
  end
  skip = skip + removes
end
for i = 1, puts do
  local name, old, value = names[skip + i], values[skip + i], ARGV[puts_at + 2 * i - 1]
  if #value > max_value then too_large = 'Lv' .. struct.pack('>I8', #value) .. name end
  if old and not (cleared and cleared[name]) then
    bytes = bytes - #old + #value
  else
    entries, bytes = entries + 1, bytes + #name - (string.byte(name) == 61 and 1 or 2) + #value
  end
  set[2 * i - 1], set[2 * i] = name, value
end
