-- Gives up a waiter's place in the line; what it was given in this moment is the next one's. A lock that it has come for stays its own: the
-- client sends this for an id that may be asking at the same time. KEYS: record, counter, line. ARGV: holder id, channel.
local record, counter, line, id, channel = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2]
local had = leave(line, id)
local holder, _, _, _, isGiven = read(record)
if holder == id and isGiven then
  if not pass_on(record, counter, line, channel) then
    redis.call('del', record)
    refused(channel, record)
  end
elseif had and not holder then
  pass_on(record, counter, line, channel)
end
return 1
