-- Reads a lease. KEYS: record, fence.
-- Answers nothing when the lock is free, else holder id, milliseconds left (-1: no expiry), token ('' for a stranger), owner.
local holder = holder_of(KEYS[1])
if not holder then return false end
local token, id, owner = read_fence(KEYS[2])
local left = redis.call('pttl', KEYS[1])
if id ~= holder then return { holder, left, '', holder ~= '' and owner_in(KEYS[1]) or '' } end
return { holder, left, string.format('%.0f', token), owner }
