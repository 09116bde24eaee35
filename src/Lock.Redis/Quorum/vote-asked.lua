-- The vote for a holder where the lock may be held, or the proposal has to be looked at (slack: how far it may be off this server's clock, in
-- microseconds; nil: it need not be). Answers as vote.lua.
local function vote(record, fence, life, id, ttl, proposal, life_of_fence, note, slack)
  local owner = string.sub(proposal, #id + 19)
  local admitted = call('get', life)
  if admitted ~= note then return '2' end
  local time = call('time')
  local now = time[1] * 1000000 + time[2]
  local from = tonumber(string.match(admitted, '^%d+')) * 1000
  if from > now then return '3 ' .. math.ceil((from - now) / 1000) end

  if take(record, id, ttl) then
    -- The proposal lets the servers agree at once; far from this server's clock it could not be kept rising by the retention.
    local token = tonumber(string.sub(proposal, 1, 16))
    if slack and math.abs(token - now) > tonumber(slack) then token = now end
    local last = call('get', fence)
    if last then
      last = tonumber(string.match(last, '^%d+'))
      if last and last >= token then token = last + 1 end
    end
    write_fence(fence, token, id, owner, ttl, life_of_fence)
    return '1 ' .. string.format('%.0f', token)
  end

  local holder, is_awaited = holder_of(record)
  if holder == id then
    local token, named = read_fence(fence)
    restart(record, fence, ttl, life_of_fence)
    if named == id then return '4 ' .. string.format('%.0f', token) end
    write_fence(fence, now, id, owner, ttl, life_of_fence)
    return '1 ' .. string.format('%.0f', now)
  end
  local left, stranger = holding(record, fence, holder)
  -- Somebody else's record is left as it is. On a server that is full nobody is told of the end, and who waits asks again by itself.
  if not stranger and not is_awaited then redis.pcall('append', record, mark) end
  return '0 ' .. left .. (stranger and ' 1 ' or ' 0 ') .. holder
end
