-- The queue of waiters of fair locks: a sorted set of holder ids. The score is the time of arrival in microseconds, until a free lock is
-- offered to the head: then it is minus the millisecond at which the offer ends, or zero when the offer was withdrawn. The head stays
-- the head either way. Whoever does not come for its lock in time, dead or suspended, loses its place; nobody else does.

-- The waiters of other locks stand in one too, which only they themselves respect: whoever comes by may take the lock. It keeps
-- the process that releases from taking the lock again and again, and a release from waking everybody. Only a release makes an offer
-- there, since it names the head; where nobody was told to come (the lease ended, an offer was not taken) the first to ask has the lock.

local window, silence = 500, 3600000 -- milliseconds: of an offer; a queue that nobody has asked for so long is over
local moment, silence_of_waiters = 10, 60000

local function milliseconds()
  local time = redis.call('time')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function join(queue, id, silence)
  if not redis.call('zscore', queue, id) then
    local time = redis.call('time')
    local score = time[1] * 1000000 + time[2]
    local last = redis.call('zrange', queue, -1, -1, 'withscores')
    if last[2] and tonumber(last[2]) >= score then score = tonumber(last[2]) + 1 end
    redis.call('zadd', queue, string.format('%.0f', score), id)
  end
  redis.call('pexpire', queue, silence)
end

-- Offers a lock that has become free to the head. Answers who that is.
local function offer(queue, window)
  local head = redis.call('zrange', queue, 0, 0)[1]
  if head then redis.call('zadd', queue, string.format('%.0f', -(milliseconds() + window)), head) end
  return head
end

-- The notice of a release: the record, and who is to come for it.
local function notice(text, head)
  return head and text .. '\255' .. head or text
end

-- The lock is taken again by somebody who does not queue: the head's window starts anew with the next release.
local function withdraw_offer(queue)
  local head = redis.call('zrange', queue, 0, 0, 'withscores')
  if head[1] and tonumber(head[2]) < 0 then redis.call('zadd', queue, 0, head[1]) end
end

-- For how many milliseconds a free lock is kept for somebody else than this holder; false when it is this holder's turn.
local function kept_for_another(queue, id)
  local now = milliseconds()
  while true do
    local head = redis.call('zrange', queue, 0, 0, 'withscores')
    if not head[1] or head[1] == id then return false end
    local score = tonumber(head[2])
    if score >= 0 then
      redis.call('zadd', queue, string.format('%.0f', -(now + window)), head[1])
      return window
    end
    if -score > now then return -score - now end
    redis.call('zrem', queue, head[1])
  end
end

-- The same for the line of waiters.
local function kept_for_a_moment(waiters, id)
  local head = redis.call('zrange', waiters, 0, 0, 'withscores')
  if not head[1] or head[1] == id or tonumber(head[2]) >= 0 then return false end
  local left = -tonumber(head[2]) - milliseconds()
  if left > 0 then return left end
  redis.call('zrem', waiters, head[1])
  return false
end

-- Who came by has the lock that was offered to the head: it is offered again, unless the head has not even asked in its moment.
local function withdraw_moment(waiters, id)
  local head = redis.call('zrange', waiters, 0, 0, 'withscores')
  if not head[1] or tonumber(head[2]) >= 0 then return end
  if head[1] == id or -tonumber(head[2]) > milliseconds() then
    redis.call('zadd', waiters, 0, head[1])
  else
    redis.call('zrem', waiters, head[1])
  end
end
