-- Publishes a notice about nothing, the way the other scripts publish theirs. ARGV: channel, notice.
-- Answers '' or why this user may not.
local sent = redis.pcall('publish', ARGV[1], ARGV[2])
return type(sent) == 'table' and sent.err or ''
