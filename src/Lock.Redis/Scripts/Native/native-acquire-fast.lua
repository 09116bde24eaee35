-- The common case of native-acquire.lua, before anything else is defined: whoever comes by for a lock that nobody holds. The number is drawn
-- first, so that the record is written once, whole. A counter below the floor that the client gives is looked up against the clock.
local call, mode = redis.call, ARGV[4]
if not mode then
  local number = redis.pcall('incr', KEYS[2])
  if type(number) == 'number' then
    if number < ARGV[3] + 0 then
      local time = call('time')
      local now = time[1] * 1000000 + time[2]
      if now > number then
        number = now
        call('set', KEYS[2], string.format('%.0f', now))
      end
    end
    if number < 9007199254740992 then
      -- %i is a C long, and writes no sixteen digits where that has 32 bits. Such a value, and one that had signs to be escaped, has another
      -- length, and is written further below, by other means.
      local value = string.format(ARGV[1], number)
      if #value == #ARGV[1] + 14 then
        if ARGV[2] == '-1' then
          if call('set', KEYS[1], value, 'nx') then return number end
        elseif call('set', KEYS[1], value, 'nx', 'px', ARGV[2]) then
          return number
        end
      end
    end
  end
end
