-- Restarts the ttl of a live lease. KEYS: record. ARGV: holder id, ttl (-1: none), channel.
-- Answers 1 done, 0 not held, 2 held by another.
local record, id, ttl = KEYS[1], ARGV[1], ARGV[2]
local value = redis.pcall('getrange', record, 0, 1023)
if type(value) == 'table' then return 2 end
-- Whole, or with a token of sixteen digits behind it.
if value ~= id and (string.sub(value, 1, #id + 1) ~= id .. ' ' or string.match(value, '^%d+ ()', #id + 2) ~= #id + 19) then
  return (value ~= '' or redis.call('exists', record) == 1) and 2 or 0
end
if string.byte(value, -1) == 255 and ttl ~= '-1' then
  -- Who waits was told of a later end.
  local left = redis.call('pttl', record)
  if left == -1 or left > tonumber(ttl) then redis.pcall('publish', ARGV[3], record) end
end
if ttl == '-1' then
  redis.call('persist', record)
else
  redis.call('pexpire', record, ttl)
end
return 1
