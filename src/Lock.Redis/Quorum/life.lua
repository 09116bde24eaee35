-- Reads since when this server runs, and what was noted about its vote. KEYS: life. Answers { what INFO says of the server, the note, its time }.
-- From a script, since the client's newer versions refuse INFO to a connection that is not an administrator's.
return { redis.call('info', 'server'), redis.call('get', KEYS[1]) or '', redis.call('time') }
