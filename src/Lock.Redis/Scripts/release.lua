-- Ends a holder's lease, or gives up its place in the queue.
-- KEYS: record, fence, queue, waiters. ARGV: holder id, retention of the fence, channel, notice.
-- Answers 1 done, 0 not held, 2 held by another.
local holder = holder_of(KEYS[1])
if holder == ARGV[1] then
  -- Deleting comes first: a server out of memory refuses the other writes only while nothing has been written.
  redis.call('del', KEYS[1])
  redis.call('pexpire', KEYS[2], ARGV[2])
  if redis.call('exists', KEYS[3]) == 1 then
    redis.call('zrem', KEYS[3], ARGV[1])
    offer(KEYS[3])
  end
  redis.call('publish', ARGV[3], ARGV[4])
  return 1
end
if redis.call('zrem', KEYS[3], ARGV[1]) == 1 and not holder then
  -- The lock may have been offered to the one that leaves.
  offer(KEYS[3])
  redis.call('publish', ARGV[3], ARGV[4])
end
return holder and 2 or 0
