"""Takes turns on a key with redis-py's Lock. Arguments: client (ignored), port, key, turns, file that marks the critical section."""
import os
import sys
import time

import redis

_, _, port, key, turns, marker = sys.argv
client = redis.Redis(port=int(port))
print("ready", flush=True)
for _ in range(int(turns)):
    lock = client.lock(key, timeout=10, sleep=0.005)
    lock.acquire()
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        print("overlap", file=sys.stderr)
        sys.exit(3)
    time.sleep(0.004)
    os.unlink(marker)
    lock.release()
    time.sleep(0.002)
print("done")
