-- Several votes and releases, in their order. A step that fails is answered with '!' and why; the others are done all the same.
-- KEYS: life. ARGV: the note that all who ask for votes know, the channel, a letter for each step, and of each what it has. v: a vote: record,
-- fence, id, ttl, proposal, life of the fence. r: a release: record, id. Their keys are no KEYS: for one of those that this user may not have
-- the server would refuse the steps of all, and so it refuses that step.
-- Answers what vote.lua and release-vote.lua do, in a list.
local note, channel, kinds = ARGV[1], ARGV[2], ARGV[3]
local is_noted = call('get', KEYS[1]) == note

local function step(kind, a)
  local record = ARGV[a]
  if kind == 'v' then
    local fence, id, ttl, proposal, life = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5]
    return is_noted and grant(record, fence, id, ttl, proposal, life) or vote(record, fence, KEYS[1], id, ttl, proposal, life, note)
  end
  local id = ARGV[a + 1]
  if redis.pcall('get', record) ~= id then return release(record, nil, id, channel) end
  call('del', record)
  return 1
end

local answers, a = {}, 4
for i = 1, #kinds do
  local kind = string.sub(kinds, i, i)
  local is_done, answer = pcall(step, kind, a)
  -- What is raised is text, and a table from Redis 7 on.
  answers[i] = is_done and answer or '! ' .. tostring(type(answer) == 'table' and answer.err or answer)
  a = a + (kind == 'v' and 6 or 2)
end
return answers
