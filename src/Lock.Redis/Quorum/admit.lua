-- Writes from when on this server votes, unless somebody was faster.
-- KEYS: life. ARGV: what was there ('' for nothing), milliseconds from now (0: at once), run id. Answers what is there now.
local before = redis.call('get', KEYS[1]) or ''
if before ~= ARGV[1] then return before end
local from = '0'
if ARGV[2] ~= '0' then
  local time = redis.call('time')
  from = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
end
local life = from .. ' ' .. ARGV[3]
redis.call('set', KEYS[1], life)
return life
