-- Takes the lock for a holder, or tells what is left of the present lease.
-- KEYS: record, counter, and the line where a mode is given. ARGV: 'id %i owner', in which a % of id or owner is doubled, ttl (-1: none), floor of
-- the counter; mode: w waits for a notice, f waits for a fair lock, p comes by where locks are fair; channel.
-- Answers the token: as text where it was given to this holder before. Or a busy answer as one number below zero: milliseconds left (-1: no expiry),
-- and whether the holder is a stranger, who gives no notice of its release.
local record, counter, line, ttl = KEYS[1], KEYS[2], KEYS[3], ARGV[2]
local id, owner = string.match(ARGV[1], '^(.-) %%i (.*)$')
id, owner = string.gsub(id, '%%%%', '%%'), string.gsub(owner, '%%%%', '%%')

local function busy(left, stranger)
  return -1 - ((stranger and 1 or 0) + 2 * (left + 2))
end

-- A refusal of the server goes on as it is; a counter that is none is named.
local function fault(why)
  local isCounter = string.find(why, 'WRONGTYPE', 1, true) or string.find(why, 'integer', 1, true)
    or string.find(why, 'overflow', 1, true) or string.find(why, '2^53', 1, true)
  return redis.error_reply(isCounter and 'LOCKCOUNTER ' .. string.gsub(counter, mark, '\\xFF') .. ': ' .. why or why)
end

local holder, token, _, isMarked = read(record)
if holder == id then
  local why
  local isKnown = token
  if not token then
    token, why = draw(counter)
    if not token then return fault(why) end
  end
  -- A server out of memory refuses the other writes only while nothing has been written.
  redis.call('persist', record)
  write(record, id .. ' ' .. token .. ' ' .. owner .. (isMarked and mark or ''), ttl)
  return isKnown or tonumber(token)
end

if holder then
  if mode == 'f' or (mode == 'w' and token) then
    local joined, why = join(line, counter, id, mode)
    if not joined then return fault(why) end
    if token and not isMarked then redis.call('append', record, mark) end
  end
  return busy(redis.call('pttl', record), not token)
end

-- Nobody holds it, although somebody may wait: the lease has ended, or who was made the holder has not come.
if mode == 'f' or mode == 'p' then
  local first = redis.call('zrange', line, 0, 0)[1]
  if first and string.sub(first, 1, 1) == 'f' and string.sub(first, 2) ~= id then
    if mode == 'f' then
      local joined, why = join(line, counter, id, mode)
      if not joined then return fault(why) end
    end
    local left = pass_on(record, counter, line, ARGV[5])
    if left and left > 0 then return busy(left, false) end
  end
end
-- Drawing comes first: a full server, which refuses it, is left as it is.
local why
token, why = draw(counter)
if not token then return fault(why) end
if mode then leave(line, id) end
local waits = mode and redis.call('exists', line) == 1
write(record, id .. ' ' .. token .. ' ' .. owner .. (waits and mark or ''), ttl)
return tonumber(token)
