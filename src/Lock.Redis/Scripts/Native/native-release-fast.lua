-- The common case of native-release.lua, before anything else is defined: the holder releases, and nobody waits.
local call, id = redis.call, ARGV[1]
local value = redis.pcall('get', KEYS[1])
-- A stranger's value may begin so, too: what follows is a token only in our own.
if type(value) == 'string' and string.sub(value, 1, #id + 1) == id .. ' ' and string.byte(value, -1) ~= 255
  and string.match(value, '^%d+ ()', #id + 2) == #id + 19 then
  call('del', KEYS[1])
  return 1
end
