-- The common case of release.lua for a record that is a string, before anything else is defined: the holder releases, and nobody queues.
-- Deleting comes first: a server out of memory refuses the other writes only while nothing has been written.
local call = redis.call
if redis.pcall('get', KEYS[1]) == ARGV[1] then
  local somebody = call('exists', KEYS[3], KEYS[4]) ~= 0
  if not somebody or call('exists', KEYS[3]) == 0 then
    call('del', KEYS[1])
    call('pexpire', KEYS[2], ARGV[2])
    -- The notice names who has waited longest; the others hold back for a moment.
    local first = somebody and call('zpopmin', KEYS[4])[1]
    call('publish', ARGV[3], first and ARGV[4] .. '\255' .. first or ARGV[4])
    return 1
  end
end
