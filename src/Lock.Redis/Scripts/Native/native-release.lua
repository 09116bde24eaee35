-- Ends a holder's lease, or gives up its place in the line. KEYS: record, counter, line. ARGV: holder id, channel.
-- Answers 1 done, 0 not held, 2 held by another; 4 more where nobody could be told.
local record, counter, line, channel = KEYS[1], KEYS[2], KEYS[3], ARGV[2]
local had = leave(line, id)
local holder = read(record)
if holder == id then
  local left, is_refused = pass_on(record, counter, line, channel)
  if not left then
    redis.call('del', record)
    is_refused = refused(channel, record)
  end
  return told(1, is_refused)
end
-- Nobody holds it, and it was this one's turn: it is the next one's.
if had and not holder then
  local _, is_refused = pass_on(record, counter, line, channel)
  return told(0, is_refused)
end
return holder and 2 or 0
