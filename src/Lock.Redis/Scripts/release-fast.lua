-- The common case of release.lua for a record that is a string, before anything else is defined: the holder releases, and nobody queues.
-- Deleting comes first: a server out of memory refuses the other writes only while nothing has been written.
if redis.pcall('get', KEYS[1]) == ARGV[1] and redis.call('exists', KEYS[3]) == 0 then
  redis.call('del', KEYS[1])
  redis.call('pexpire', KEYS[2], ARGV[2])
  redis.call('publish', ARGV[4], ARGV[5])
  return 1
end
