local call = redis.call

-- Votes for a holder, if the lock is free. The proposal is known to be near this server's clock. Answers 1 where its token is the holder's, else the
-- line '1 token'; nothing when the lock is not free.
local function grant(record, fence, id, ttl, proposal, life)
  if not call('set', record, id, 'nx', 'px', ttl) then return end
  local last = call('get', fence)
  -- The proposal begins with sixteen digits, and no token has more: what is less as text is less as a number.
  local token = string.sub(proposal, 1, 16)
  if not last or last < token then
    call('set', fence, proposal, 'px', life)
    return 1
  end
  last = tonumber(string.match(last, '^%d+'))
  if last and last >= tonumber(token) then token = string.format('%.0f', last + 1) end
  call('set', fence, token .. string.sub(proposal, 17), 'px', life)
  return '1 ' .. token
end
