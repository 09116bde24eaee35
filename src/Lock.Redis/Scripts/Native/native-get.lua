-- Reads a lease. KEYS: record.
-- Answers nothing when the lock is free, else holder id, milliseconds left (-1: no expiry), token ('' for a stranger), owner.
local holder, token, owner = read(KEYS[1])
if not holder then return false end
return { holder, redis.call('pttl', KEYS[1]), token or '', owner or '' }
