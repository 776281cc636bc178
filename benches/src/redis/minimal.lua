#!lua
redis.call('HSET', KEYS[1], ARGV[6], ARGV[7], 'deadline', ARGV[2])
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('PEXPIRE', KEYS[1], 1800000)
redis.call(ARGV[4], ARGV[5], ARGV[3])
return 'done'
