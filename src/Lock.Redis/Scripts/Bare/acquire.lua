-- Takes the lock for a holder, or tells what is left of the present lease.
-- KEYS: record, fence, queue, and the waiters when the holder waits for notices.
-- ARGV: holder id, ttl (-1: none), owner, life of the fence (ttl and retention), 1 to keep a place in the queue,
-- 1 when the format's other clients give notice.
-- Answers the fencing token, or a busy answer (see fence.lua).
local record, fence, queue, waiters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, ttl, owner, life = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local function grant()
  local time = redis.call('time')
  local token = time[1] * 1000000 + time[2]
  local last = redis.call('get', fence)
  if last then
    last = tonumber(string.match(last, '^%d+'))
    if last and last >= token then token = last + 1 end
  end
  write_fence(fence, token, id, owner, ttl, life)
  if waiters then redis.call('zrem', waiters, id) end
  return token
end

local queued = redis.call('exists', queue) == 1
local lined = waiters and redis.call('exists', waiters) == 1
if not queued and not lined and take(record, id, ttl, owner) then return grant() end

local holder = holder_of(record)
if holder == id then
  local token, named = read_fence(fence)
  if named ~= id then return grant() end
  restart(record, fence, ttl, life)
  return token
end

-- A full server refuses newcomers here, before anything is written. Who stands in a line already has been written for, and goes on.
local fair = ARGV[5] == '1'
if fair then
  join(queue, id, silence)
  queued = true
elseif waiters then
  join(waiters, id, silence_of_waiters)
end

if holder then
  if queued then withdraw_offer(queue) end
  if lined then withdraw_moment(waiters, id) end
  return busy(holding(record, fence, holder, ARGV[6] == '1'))
end

-- Whose turn it is in the queue need not heed the other line.
local kept = kept_for_another(queue, id) or (waiters and not fair and kept_for_a_moment(waiters, id))
if kept then return busy(kept, false) end
redis.call('zrem', queue, id)
take(record, id, ttl, owner)
return grant()
