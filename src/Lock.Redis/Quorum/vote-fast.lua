-- The common case of vote.lua, before anything else is defined: a server that has voted since it was new, and no look at the clock.
if not ARGV[6] and call('get', KEYS[3]) == ARGV[5] then
  local answer = grant(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
  if answer then return answer end
end
