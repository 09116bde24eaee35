-- One server's vote for a holder of a quorum lock.
-- KEYS: record, fence, life. ARGV: holder id, ttl, the fence as proposed ('token id owner', the token of sixteen digits), life of the fence (ttl and
-- retention), the note that the holder knows; how far the proposal may be off this server's clock (microseconds), where that is to be looked at.
-- Answers 1 where the holder has the proposed token. Else a line: '1 token', '4 token' when the holder had it before,
-- '0 milliseconds-left 1-for-a-stranger holder-id', '2' when this server has another note, or none: what the holder has put on record here is
-- forgotten, '3 milliseconds' when it does not vote for so long.
return vote(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
