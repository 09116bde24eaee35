-- Raises the token of a holder to the one the quorum agreed on. KEYS: record, fence. ARGV: holder id, token.
-- Answers 1 when the fence is at least there, 0 when the holder is not the holder any more.
if holder_of(KEYS[1]) ~= ARGV[1] then return 0 end
local token, id, owner = read_fence(KEYS[2])
if id ~= ARGV[1] then return 0 end
if token >= tonumber(ARGV[2]) then return 1 end
local left = redis.call('pttl', KEYS[2])
redis.call('set', KEYS[2], ARGV[2] .. ' ' .. id .. ' ' .. owner)
if left > 0 then redis.call('pexpire', KEYS[2], left) end
return 1
