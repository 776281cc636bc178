-- Starts the partition's sequence `q` with 20 random bits, taken from the 8 random bytes `seed`, above 32 bits that count.
-- So a flush or a restore shows as a jump.

q = (struct.unpack('>I3', seed) % 1048576) * 4294967296 + 1
redis.call('SET', sequence, string.format('%.0f', q))
