-- Ends whatever holds the lock, a stranger's record too, and tells its holder.
-- KEYS: record, counter, line. ARGV: channel, channel of forced locks. Answers 1 done, 0 nobody held it; 4 more where nobody could be told.
local record, counter, line, channel = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local holder = read(record)
if redis.call('del', record) == 0 then return 0 end
local left, is_refused = pass_on(record, counter, line, channel)
if not left then is_refused = refused(channel, record) end
if holder and holder ~= '' and refused(ARGV[2], holder .. ' ' .. record) then is_refused = true end
return told(1, is_refused)
