-- The common case of release-vote.lua, before anything else is defined: the holder releases, and nobody waits.
if redis.pcall('get', KEYS[1]) == ARGV[1] then
  redis.call('del', KEYS[1])
  if KEYS[2] then redis.call('pexpire', KEYS[2], ARGV[3]) end
  return 1
end
