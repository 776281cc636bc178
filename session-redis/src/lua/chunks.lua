-- Calls with more arguments than fit on Lua's stack.

-- Appends to `all` the values of the names in `list` from index `from` to `to`.
local function fetch(key, all, list, from, to)
  for at = from, to, CHUNK do
    local part, count = redis.call('HMGET', key, unpack(list, at, math.min(at + CHUNK - 1, to))), #all
    for i = 1, #part do all[count + i] = part[i] end
  end
  return all
end

local function write(command, key, list, from, to)
  for at = from, to, CHUNK do
    redis.call(command, key, unpack(list, at, math.min(at + CHUNK - 1, to)))
  end
end
