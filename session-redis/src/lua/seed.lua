-- Begins the partition's sequence at `q`: 20 random bits, of the 8 random bytes `seed`, above 32 that count. So a flush or a
-- restore shows as a jump.

q = (struct.unpack('>I3', seed) % 1048576) * 4294967296 + 1
redis.call('SET', sequence, string.format('%.0f', q))
