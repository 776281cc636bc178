-- Shared by create, apply and rotate: reading and writing of entries, sizes, and the memory of op ids.

-- Lua's stack bounds what `unpack` takes.
local CHUNK = 4000

local function fetch(key, names)
  if #names <= CHUNK then return redis.call('HMGET', key, unpack(names)) end
  local all = {}
  for from = 1, #names, CHUNK do
    local part = redis.call('HMGET', key, unpack(names, from, math.min(from + CHUNK - 1, #names)))
    for i = 1, #part do all[from + i - 1] = part[i] end
  end
  return all
end

local function write(command, key, list)
  for from = 1, #list, CHUNK do
    redis.call(command, key, unpack(list, from, math.min(from + CHUNK - 1, #list)))
  end
end

-- The bytes of an entry: names of scalars begin with one byte that is not theirs, those of keyed entries with two.
local function weight(name, value)
  return #name - (string.byte(name) == 61 and 1 or 2) + #value
end

-- Where the op id of a version stands, and the half of the memory with it.
local function remember(ring0, ring1, version, op)
  local place = (version - 1) % 16
  local name, ring = '@0', ring0 or ''
  if place >= 8 then name, ring = '@1', ring1 or '' end
  local from = place % 8 * 8
  return name, string.sub(ring, 1, from) .. op .. string.sub(ring, from + 9)
end

local function has(ring, op)
  local at = ring and string.find(ring, op, 1, true)
  while at do
    if at % 8 == 1 then return true end
    at = string.find(ring, op, at + 1, true)
  end
  return false
end

-- The refusal of an update that would exceed a limit:
--   L<sort:1><number:8>: a value of so many bytes (v), so many entries (e), so many bytes (b)
local function exceeds(entries, bytes, was_entries, was_bytes, max_entries, max_bytes)
  if entries > max_entries and entries > was_entries then return 'Le' .. struct.pack('>I8', entries) end
  if bytes > max_bytes and bytes > was_bytes then return 'Lb' .. struct.pack('>I8', bytes) end
  return nil
end

-- Reads what a delta touches and makes lists of what to write. ARGV from `first`: fields to clear, names to remove, pairs to put.
-- `more` are names to read besides, `key` where. Returns their values, the changes in size, and what to remove and to put.
local function plan(key, more, first, clears, removes, puts, max_value)
  local names, n = more, #more
  local removals_at, puts_at = first + clears, first + clears + removes
  for i = removals_at, puts_at - 1 do n = n + 1; names[n] = ARGV[i] end
  for i = puts_at, puts_at + 2 * puts - 1, 2 do n = n + 1; names[n] = ARGV[i] end
  local skip = n - removes - puts
  local values = fetch(key, names)
  local entries, bytes, gone, set = 0, 0, {}, {}
  local cleared
  if clears > 0 then
    cleared = {}
    for i = first, removals_at - 1 do
      local prefix = ARGV[i]
      local length = #prefix
      local found = {}
      for _, name in ipairs(redis.call('HKEYS', key)) do
        if string.sub(name, 1, length) == prefix then found[#found + 1] = name end
      end
      if #found > 0 then
        local old = fetch(key, found)
        for j = 1, #found do
          gone[#gone + 1] = found[j]
          cleared[found[j]] = true
          entries, bytes = entries - 1, bytes - weight(found[j], old[j])
        end
      end
    end
  end
  for i = 1, removes do
    local name, old = names[skip + i], values[skip + i]
    if old then
      gone[#gone + 1] = name
      entries, bytes = entries - 1, bytes - weight(name, old)
    end
  end
  skip = skip + removes
  local too_large
  for i = 1, puts do
    local name, old, value = names[skip + i], values[skip + i], ARGV[puts_at + 2 * i - 1]
    if #value > max_value then too_large = 'Lv' .. struct.pack('>I8', #value) .. name end
    if old and not (cleared and cleared[name]) then
      bytes = bytes - #old + #value
    else
      entries, bytes = entries + 1, bytes + weight(name, value)
    end
    set[2 * i - 1], set[2 * i] = name, value
  end
  return values, entries, bytes, gone, set, too_large
end
