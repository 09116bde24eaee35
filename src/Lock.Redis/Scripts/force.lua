-- Ends whatever holds the lock, a stranger's record too, and tells its holder.
-- KEYS: record, fence, queue. ARGV: retention of the fence, window of an offer, channel, notice, channel of forced locks.
-- Answers 1 done, 0 nobody held it.
local holder = holder_of(KEYS[1])
if redis.call('del', KEYS[1]) == 0 then return 0 end
redis.call('pexpire', KEYS[2], ARGV[1])
offer(KEYS[3], ARGV[2])
redis.call('publish', ARGV[3], ARGV[4])
-- A user that may not use that channel has forced the lock all the same.
if holder and holder ~= '' then redis.pcall('publish', ARGV[5], holder .. ' ' .. KEYS[1]) end
return 1
