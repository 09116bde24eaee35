-- Ends whatever holds the lock, a stranger's record too, and tells its holder.
-- KEYS: record, fence, queue. ARGV: retention of the fence, channel, notice, channel of forced locks. Answers 1 done, 0 nobody held it;
-- 4 more where nobody could be told.
local holder = holder_of(KEYS[1])
if redis.call('del', KEYS[1]) == 0 then return 0 end
redis.call('pexpire', KEYS[2], ARGV[1])
offer(KEYS[3], window)
local is_refused = refused(ARGV[2], ARGV[3])
if holder and holder ~= '' and refused(ARGV[4], holder .. ' ' .. KEYS[1]) then is_refused = true end
return told(1, is_refused)
