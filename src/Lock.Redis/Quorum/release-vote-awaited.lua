-- Ends a holder's lease where its record is not the bare id. Answers as release-vote.lua.
local function release(record, fence, id, channel, retention)
  local holder = holder_of(record)
  if holder ~= id then return holder and 2 or 0 end
  -- Deleting comes first: a server out of memory refuses the other writes only while nothing has been written.
  redis.call('del', record)
  if fence then redis.call('pexpire', fence, retention) end
  return told(1, refused(channel, record))
end
