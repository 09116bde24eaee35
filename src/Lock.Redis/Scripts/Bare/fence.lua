-- The fence is a string beside the record: the last token, the id it was given to, and the owner, with a space between them.
-- It outlives the record, so that the next token is higher.

local function read_fence(key)
  local fence = redis.call('get', key)
  if not fence then return false, false, false end
  local token, id, owner = string.match(fence, '^(%d+) (%S*) (.*)$')
  return tonumber(token), id, owner
end

-- Restarts, or lifts, the expiry of a record and of its fence behind it.
local function restart(record, fence, ttl, life)
  if ttl == '-1' then
    redis.call('persist', record)
    redis.call('persist', fence)
  else
    redis.call('pexpire', record, ttl)
    redis.call('pexpire', fence, life)
  end
end

local function write_fence(key, token, id, owner, ttl, life)
  local fence = string.format('%.0f', token) .. ' ' .. id .. ' ' .. owner
  if ttl == '-1' then
    redis.call('set', key, fence)
  else
    redis.call('set', key, fence, 'px', life)
  end
end

-- What a busy answer tells of the holder: milliseconds left (-1: no expiry), and whether it is a stranger, who gives no notice of its
-- release. The fence names each holder of ours; who is not named there has written the record with another client.
local function holding(record, fence, holder, notifies)
  local _, id = read_fence(fence)
  return redis.call('pttl', record), id ~= holder and (holder == '' or not notifies)
end

-- A busy answer as one number below zero. Clients unfold it.
local function busy(remaining, stranger)
  return -1 - ((stranger and 1 or 0) + 2 * (remaining + 2))
end
