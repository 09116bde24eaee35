-- Ends whatever holds the lock, a stranger's record too.
-- KEYS: record, fence, queue. ARGV: retention of the fence, channel, notice. Answers 1 done, 0 nobody held it.
if redis.call('del', KEYS[1]) == 0 then return 0 end
redis.call('pexpire', KEYS[2], ARGV[1])
offer(KEYS[3], window)
redis.call('publish', ARGV[2], ARGV[3])
return 1
