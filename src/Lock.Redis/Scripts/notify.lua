-- Tells those who wait. Never fails: what a step has done stands, whether or not anybody may be told.
-- Answers true when this user may not publish there.
local function refused(channel, text)
  return type(redis.pcall('publish', channel, text)) == 'table'
end

-- A step's answer, and 4 more where nobody could be told.
local function told(answer, is_refused)
  return is_refused and answer + 4 or answer
end
