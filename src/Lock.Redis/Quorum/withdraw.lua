-- Takes a vote back. KEYS: record, fence. ARGV: holder id, retention of the fence, channel ('' for none), notice.
if holder_of(KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
redis.call('pexpire', KEYS[2], ARGV[2])
-- Taken back, whether or not anybody may be told.
if ARGV[3] ~= '' then redis.pcall('publish', ARGV[3], ARGV[4]) end
return 1
