-- Calls with more arguments than Lua's stack holds.

local function fetch(key, names)
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
