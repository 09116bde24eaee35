-- The common case of vote.lua, before anything else is defined: a server that has voted since it was new, and a lock that is free.
local call, id = redis.call, ARGV[1]
local admitted = call('get', KEYS[3])
if admitted == ARGV[7] and string.sub(admitted, 1, 2) == '0 ' and call('set', KEYS[1], id, 'nx', 'px', ARGV[2]) then
  local time, token = call('time'), ARGV[5]
  local now = time[1] * 1000000 + time[2]
  if math.abs(token - now) > tonumber(ARGV[6]) then token = string.format('%.0f', now) end
  local last = call('get', KEYS[2])
  if last and last >= token then
    last = tonumber(string.match(last, '^%d+'))
    if last and last >= tonumber(token) then token = string.format('%.0f', last + 1) end
  end
  call('set', KEYS[2], token .. ' ' .. id .. ' ' .. ARGV[4], 'px', ARGV[3])
  return '1 ' .. token
end
