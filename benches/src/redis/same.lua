#!lua
local meta = string.rep('m', 48)
redis.call('PTTL', KEYS[1])
redis.call('HMGET', KEYS[1], '@', '@c', '@0', '@1', ARGV[6])
redis.call('HSET', KEYS[1], ARGV[6], ARGV[7], '@', meta, '@0', '0123456701234567012345670123456701234567012345670123456701234567')
redis.call('PEXPIREAT', KEYS[1], '9007199254740990')
redis.call('INCR', KEYS[2])
redis.call(ARGV[4], ARGV[5], '012345678901' .. ARGV[2] .. string.rep('b', 64) .. ARGV[3])
return string.rep('r', 98)
