-- Reads what was noted about this server's vote and the longest ttl on record here; puts a ttl on record if the note is of this life.
-- KEYS: life, ttls. ARGV: ttl to put on record (milliseconds, 0: none), for how long leases of it may begin (milliseconds).
-- Answers { run id, note, milliseconds of its clock, longest ttl on record (milliseconds, 0: none) }. The record is 'until:ttl until:ttl …'.
-- From a script, since the client's newer versions refuse INFO to a connection that is not an administrator's.
local run_id = string.match(redis.call('info', 'server'), 'run_id:(%w+)') or '?'
local note, time = redis.call('get', KEYS[1]) or '', redis.call('time')
local now, ttl = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[1])
local declares = ttl > 0 and string.match(note, '^%d+ (%S+) ') == run_id
local ends = now + ARGV[2] + math.ceil(ttl * 1.01)
local longest, last, kept = declares and ttl or 0, ends, {}
for text, other in string.gmatch(redis.call('get', KEYS[2]) or '', '(%d+):(%d+)') do
  local till, length = tonumber(text), tonumber(other)
  if till > now then
    longest = math.max(longest, length)
    -- What is no longer, and ends no later, says nothing more.
    if length > ttl or till > ends then
      table.insert(kept, text .. ':' .. other)
      last = math.max(last, till)
    end
  end
end
if declares then
  table.insert(kept, string.format('%.0f:%.0f', ends, ttl))
  redis.call('set', KEYS[2], table.concat(kept, ' '), 'px', string.format('%.0f', last - now))
end
return { run_id, note, string.format('%.0f', now), string.format('%.0f', longest) }
