-- Several votes and releases, in their order. A step that fails is answered with '!' and why; the others are done all the same.
-- KEYS: life, and of each step what it has. ARGV: the note that all who ask for votes know, the channel, a letter for each step, and of each
-- what it has. v: a vote. KEYS record, fence; ARGV id, ttl, proposal, life of the fence. r: a release. KEYS record; ARGV id.
-- Answers what vote.lua and release-vote.lua do, in a list.
local note, channel, kinds = ARGV[1], ARGV[2], ARGV[3]
local is_noted = call('get', KEYS[1]) == note

local function step(kind, k, a)
  local record, id = KEYS[k], ARGV[a]
  if kind == 'v' then
    local fence, ttl, proposal, life = KEYS[k + 1], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
    return is_noted and grant(record, fence, id, ttl, proposal, life) or vote(record, fence, KEYS[1], id, ttl, proposal, life, note)
  end
  if redis.pcall('get', record) ~= id then return release(record, nil, id, channel) end
  call('del', record)
  return 1
end

local answers, k, a = {}, 2, 4
for i = 1, #kinds do
  local kind = string.sub(kinds, i, i)
  local is_done, answer = pcall(step, kind, k, a)
  -- What is raised is text, and a table from Redis 7 on.
  answers[i] = is_done and answer or '! ' .. tostring(type(answer) == 'table' and answer.err or answer)
  if kind == 'v' then k, a = k + 2, a + 4 else k, a = k + 1, a + 1 end
end
return answers
