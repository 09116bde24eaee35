-- The common case of acquire.lua for a record that is a string, before anything else is defined: nobody waits, and the lock is free.
local record, fence, queue = KEYS[1], KEYS[2], KEYS[3]
local id, ttl, retention, owner = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if ttl ~= '-1' and redis.call('exists', queue) == 0 and redis.call('set', record, id, 'nx', 'px', ttl) then
  local time = redis.call('time')
  local token = time[1] * 1000000 + time[2]
  local last = redis.call('get', fence)
  if last then
    last = tonumber(string.match(last, '^%d+'))
    if last and last >= token then token = last + 1 end
  end
  redis.call('set', fence, string.format('%.0f %s %s', token, id, owner), 'px', ttl + retention)
  return token
end
