-- Restarts the ttl of a live lease. KEYS: record, fence. ARGV: holder id, ttl (-1: none), life of the fence (ttl and retention).
-- Answers 1 done, 0 not held, 2 held by another.
local holder = holder_of(KEYS[1])
if holder ~= ARGV[1] then return holder and 2 or 0 end
restart(KEYS[1], KEYS[2], ARGV[2], ARGV[3])
return 1
