-- The common case of release.lua for a record that is a string, before anything else is defined: the holder releases, and nobody waits.
-- Deleting comes first: a server out of memory refuses the other writes only while nothing has been written.
local call = redis.call
if redis.pcall('get', KEYS[1]) == ARGV[1] and call('exists', unpack(KEYS, 3)) == 0 then
  call('del', KEYS[1])
  call('pexpire', KEYS[2], ARGV[2])
  return type(redis.pcall('publish', ARGV[3], ARGV[4])) == 'table' and 5 or 1
end
