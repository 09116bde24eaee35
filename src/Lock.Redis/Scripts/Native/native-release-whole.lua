-- Ends a lease whose record is known whole, and nothing else. KEYS: record. ARGV: the record's value.
-- Answers 1 done; 0 when there is anything else in the record: a mark, since somebody waits, somebody else's value, or nothing.
if redis.pcall('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
return 1
