-- The lock record is a string whose value is the holder id: what every client that does SET key id NX PX writes.

-- The holder's id; false when the lock is free; '' when the key is no lock record at all.
local function holder_of(key)
  local value = redis.pcall('get', key)
  if type(value) == 'table' then return '' end
  return value
end

-- Writes the record if there is none.
local function take(key, id, ttl, owner)
  if ttl == '-1' then return redis.call('set', key, id, 'nx') end
  return redis.call('set', key, id, 'nx', 'px', ttl)
end

local function owner_in(key)
  return false
end
