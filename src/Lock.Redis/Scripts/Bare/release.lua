-- Ends a holder's lease, or gives up its place in the queue.
-- KEYS: record, fence, queue, and the waiters where a notice may name somebody. ARGV: holder id, retention of the fence, channel, notice.
-- Answers 1 done, 0 not held, 2 held by another; 4 more where nobody could be told.
local holder = holder_of(KEYS[1])
if holder == ARGV[1] then
  -- Deleting comes first: a server out of memory refuses the other writes only while nothing has been written.
  redis.call('del', KEYS[1])
  redis.call('pexpire', KEYS[2], ARGV[2])
  redis.call('zrem', KEYS[3], ARGV[1])
  local head = offer(KEYS[3], window) or KEYS[4] and offer(KEYS[4], moment)
  return told(1, refused(ARGV[3], notice(ARGV[4], KEYS[4] and head)))
end
if redis.call('zrem', KEYS[3], ARGV[1]) == 1 and not holder then
  -- The lock may have been offered to the one that leaves.
  local head = offer(KEYS[3], window)
  return told(0, refused(ARGV[3], notice(ARGV[4], KEYS[4] and head)))
end
return holder and 2 or 0
