-- One server's vote for a holder of a quorum lock.
-- KEYS: record, fence, life. ARGV: holder id, ttl, life of the fence (ttl and retention), owner, proposed token, how far a proposal may be off (microseconds),
-- the note that the holder knows.
-- Answers a line: '1 token', '4 token' when the holder had it before, '0 milliseconds-left 1-for-a-stranger holder-id',
-- '2' when this server has another note, or none: what the holder has put on record here is forgotten, '3 milliseconds' when it does not vote for so long.
local record, fence, life = KEYS[1], KEYS[2], KEYS[3]
local id, ttl, life_of_fence, owner = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local admitted = redis.call('get', life)
if admitted ~= ARGV[7] then return '2' end
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local from = tonumber(string.match(admitted, '^%d+')) * 1000
if from > now then return '3 ' .. math.ceil((from - now) / 1000) end

local holder = take(record, id, ttl, owner)
if holder then
  -- The proposal lets the servers agree at once; far from this server's clock it could not be kept rising by the retention.
  local token = tonumber(ARGV[5])
  if math.abs(token - now) > tonumber(ARGV[6]) then token = now end
  local last = redis.call('get', fence)
  if last then
    last = tonumber(string.match(last, '^%d+'))
    if last and last >= token then token = last + 1 end
  end
  write_fence(fence, token, id, owner, ttl, life_of_fence)
  return '1 ' .. string.format('%.0f', token)
end

holder = holder_of(record)
if holder == id then
  local token, named = read_fence(fence)
  restart(record, fence, ttl, life_of_fence)
  if named == id then return '4 ' .. string.format('%.0f', token) end
  write_fence(fence, now, id, owner, ttl, life_of_fence)
  return '1 ' .. string.format('%.0f', now)
end
local left, stranger = holding(record, fence, holder)
return '0 ' .. left .. (stranger and ' 1 ' or ' 0 ') .. holder
