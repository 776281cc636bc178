#!lua flags=no-writes
-- Which of the given commands this user may not run, and which the server does not know. Changes nothing.
--
-- KEYS  none: the keys are only named, not used
-- ARGV  commands, each preceded by its number of words
-- Reply the names of the refused commands, separated by commas; a line feed; the names of the unknown ones

local refused, unknown = {}, {}
local at = 1
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  local ok, allowed = pcall(redis.acl_check_cmd, unpack(ARGV, at + 1, at + words))
  if not ok then
    unknown[#unknown + 1] = ARGV[at + 1]
  elseif not allowed then
    refused[#refused + 1] = ARGV[at + 1]
  end
  at = at + 1 + words
end
return table.concat(refused, ', ') .. '\n' .. table.concat(unknown, ', ')
