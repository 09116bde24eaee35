-- The lock record: the holder's id, the token in sixteen digits, the owner, with a space between them; the byte FF behind it says that
-- somebody waits. That byte is in no text. The first bytes are all of a value that is ever read: what is longer is not ours.

local mark, longest = '\255', 1023
-- Stands for the owner while who was made the holder has not come. It is in no text either.
local given = '\254'

-- The holder's id, the token as text, the owner, whether somebody waits, and whether the holder has yet to come. No id: the lock is free.
-- No token: a stranger's; its id is '' when the key holds no text at all.
local function read(key)
  local value = redis.pcall('getrange', key, 0, longest)
  if type(value) == 'table' then return '' end
  if value == '' then return redis.call('exists', key) == 1 and '' end
  local isMarked = string.byte(value, -1) == 255
  local text = isMarked and string.sub(value, 1, -2) or value
  local id, token, owner = string.match(text, '^(%S+) (%d+) (.*)$')
  if id and #token == 16 then return id, token, owner == given and '' or owner, isMarked, owner == given end
  return value
end

local function write(key, value, ttl)
  if ttl == '-1' then
    redis.call('set', key, value)
  else
    redis.call('set', key, value, 'px', ttl)
  end
end

-- Draws the next token, as text: one more than the last, and at least the time. Answers nothing where the counter is none, and why.
local function draw(counter)
  local number = redis.pcall('incr', counter)
  if type(number) == 'table' then return nil, number.err end
  local time = redis.call('time')
  local now = time[1] * 1000000 + time[2]
  if now > number then
    number = now
    redis.call('set', counter, string.format('%.0f', now))
  end
  if number >= 9007199254740992 then return nil, 'it has passed 2^53' end
  return string.format('%.0f', number)
end
