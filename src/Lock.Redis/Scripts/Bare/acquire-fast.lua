-- The common case of acquire.lua for a record that is a string, before anything else is defined: nobody waits in a line that
-- this holder respects, and the lock is free.
local call, id = redis.call, ARGV[1]
if ARGV[2] ~= '-1' and call('exists', unpack(KEYS, 3)) == 0 and call('set', KEYS[1], id, 'nx', 'px', ARGV[2]) then
  -- Sixteen digits until the year 2286. As text, since numbers would have to be made of it and back.
  local time = call('time')
  local token = time[2]
  token = time[1] .. (#token == 6 and token or string.sub('00000' .. token, -6))
  local last = call('get', KEYS[2])
  if last and last >= token then
    last = tonumber(string.match(last, '^%d+'))
    if last and last >= tonumber(token) then token = string.format('%.0f', last + 1) end
  end
  call('set', KEYS[2], token .. ' ' .. id .. ' ' .. ARGV[3], 'px', ARGV[4])
  return token
end
