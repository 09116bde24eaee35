-- The line of those who wait: a sorted set of a letter and the holder's id, in the order of arrival. The letter is f for fair locks, w for
-- others. A record that somebody waits for bears the mark, so that its release comes here: it makes the first of the line the holder
-- and tells it in the notice. So there is a record as long as there is a line, and whoever comes by finds it.
-- Who is made the holder has so many milliseconds to come for it: dead or suspended, it loses the lock and its place.

local window = { f = 500, w = 50 }
local silence = { f = 3600000, w = 60000 } -- a line that nobody has asked for so long is over

local function leave(line, id)
  return redis.call('zrem', line, 'f' .. id, 'w' .. id) == 1
end

-- Answers false where the counter gives no number, and why.
local function join(line, counter, id, letter)
  if not redis.call('zscore', line, letter .. id) then
    local number, why = draw(counter)
    if not number then return false, why end
    redis.call('zadd', line, number, letter .. id)
  end
  -- Who waits for another lock does not shorten the patience with fair waiters.
  if letter == 'f' or redis.call('pttl', line) < silence[letter] then redis.call('pexpire', line, silence[letter]) end
  return true
end

-- Makes the first of the line the holder, and tells it. Answers how long the lock is kept for it: nothing where nobody waits. The second
-- answer: nobody could be told.
local function pass_on(record, counter, line, channel)
  -- Taking out comes first: a server out of memory refuses the other writes only while nothing has been written.
  local first = redis.call('zpopmin', line)[1]
  if not first then return nil, false end
  local letter, id = string.sub(first, 1, 1), string.sub(first, 2)
  local token = draw(counter)
  -- Without a number it can be given to nobody: whoever asks learns why.
  local is_refused = refused(channel, record .. mark .. id .. mark .. (token or ''))
  if not token or (is_refused and letter == 'w') then
    redis.call('del', record)
    return 0, is_refused
  end
  local value = id .. ' ' .. token .. ' ' .. given
  if redis.call('exists', line) == 1 then value = value .. mark end
  redis.call('set', record, value, 'px', window[letter])
  return window[letter], is_refused
end
