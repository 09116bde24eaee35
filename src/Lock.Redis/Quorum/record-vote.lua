-- A vote's record is a string whose value is the holder id. Who was answered busy appends the byte FF, which stands in no id: then the end of
-- the vote is told, and else nobody hears of it, since nobody waits.
local mark = '\255'

-- The holder's id, and whether somebody waits; false when the lock is free; '' when the key is no lock record at all.
local function holder_of(key)
  local value = redis.pcall('get', key)
  if type(value) == 'table' then return '', false end
  if value and string.byte(value, -1) == 255 then return string.sub(value, 1, -2), true end
  return value, false
end

-- Writes the record if there is none.
local function take(key, id, ttl)
  return redis.call('set', key, id, 'nx', 'px', ttl)
end

local function owner_in(key)
  return false
end
