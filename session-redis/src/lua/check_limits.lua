-- Shared by create, apply and rotate: refuses a session of `entries` and `bytes` that had `had_entries` and `had_bytes`.
--   L<sort:1><number:8>: the number of entries (e), of bytes (b), or of bytes of a value (v), then followed by its name

if entries > max_entries and entries > had_entries then return 'Le' .. struct.pack('>I8', entries) end
if bytes > max_bytes and bytes > had_bytes then return 'Lb' .. struct.pack('>I8', bytes) end
