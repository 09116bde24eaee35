-- Ends a holder's lease on one server of a quorum. KEYS: record; fence, where it is to live no longer than the retention from now on.
-- ARGV: holder id, channel, retention. Answers 1 done, 0 not held, 2 held by another; 4 more where nobody could be told.
return release(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])
