-- Takes the lock for a holder, or tells what is left of the present lease.
-- KEYS: record, fence, queue.
-- ARGV: holder id, ttl (-1: none), retention of the fence, owner, 1 to keep a place in the queue, window of an offer, life of a silent queue,
-- 1 when the format's other clients give notice.
-- Answers the fencing token, or a busy answer (see fence.lua).
local record, fence, queue = KEYS[1], KEYS[2], KEYS[3]
local id, ttl, retention, owner = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local function grant()
  local time = redis.call('time')
  local token = time[1] * 1000000 + time[2]
  local last = redis.call('get', fence)
  if last then
    last = tonumber(string.match(last, '^%d+'))
    if last and last >= token then token = last + 1 end
  end
  write_fence(fence, token, id, owner, ttl, retention)
  return token
end

local queued = redis.call('exists', queue) == 1
if not queued and take(record, id, ttl, owner) then return grant() end

local holder = holder_of(record)
if holder == id then
  local token, named = read_fence(fence)
  if named ~= id then return grant() end
  restart(record, fence, ttl, retention)
  return token
end

if ARGV[5] == '1' then
  join(queue, id, ARGV[7])
  queued = true
end

if holder then
  if queued then withdraw_offer(queue) end
  return busy(holding(record, fence, holder, ARGV[8] == '1'))
end

local kept = kept_for_another(queue, id, tonumber(ARGV[6]))
if kept then return busy(kept, false) end
redis.call('zrem', queue, id)
take(record, id, ttl, owner)
return grant()
