-- The lock record is a hash with the fields id and owner: what npm's dist-lock writes.

-- The holder's id; false when the lock is free; '' when the key is no lock record at all.
local function holder_of(key)
  local value = redis.pcall('hget', key, 'id')
  if type(value) == 'table' then return '' end
  if not value and redis.call('exists', key) == 1 then return '' end
  return value
end

-- Writes the record if there is none.
local function take(key, id, ttl, owner)
  if redis.call('exists', key) == 1 then return false end
  redis.call('hset', key, 'id', id, 'owner', owner)
  if ttl ~= '-1' then redis.call('pexpire', key, ttl) end
  return true
end

local function owner_in(key)
  return redis.call('hget', key, 'owner')
end
