-- The common case of native-acquire.lua, before anything else is defined: whoever comes by for a lock that nobody holds. The number is drawn
-- first, so that the record is written once, whole. A counter below the floor that the client gives is looked up against the clock.
local call, id, mode = redis.call, ARGV[1], ARGV[5]
if not mode then
  local number = redis.pcall('incr', KEYS[2])
  if type(number) == 'number' then
    if number < tonumber(ARGV[4]) then
      local time = call('time')
      local now = time[1] * 1000000 + time[2]
      if now > number then
        number = now
        call('set', KEYS[2], string.format('%.0f', now))
      end
    end
    if number < 9007199254740992 then
      local value = id .. string.format(' %.0f ', number) .. ARGV[3]
      if ARGV[2] == '-1' then
        if call('set', KEYS[1], value, 'nx') then return number end
      elseif call('set', KEYS[1], value, 'nx', 'px', ARGV[2]) then
        return number
      end
    end
  end
end
