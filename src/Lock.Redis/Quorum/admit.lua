-- Writes from when on this server votes, unless somebody was faster.
-- KEYS: life. ARGV: what was there ('' for nothing), milliseconds from now (0: at once), run id, a name that no other note has.
local before = redis.call('get', KEYS[1]) or ''
if before ~= ARGV[1] then return 0 end
local from = '0'
if ARGV[2] ~= '0' then
  local time = redis.call('time')
  from = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
end
redis.call('set', KEYS[1], from .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
return 1
