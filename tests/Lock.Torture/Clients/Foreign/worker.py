"""A worker of the torture with redis-py's Lock. Arguments, input and lines as WorkerProcess has them; TORTURE_PORTS has the server.

The Lock knows neither how long it is still valid nor a loss: this program counts the lease from before the request that was granted, as a
careful caller does, and relies on nothing after it. It has no token, so that the resource is left alone.
"""
import os
import random
import signal
import sys
import threading
import time

import redis

NAME, SEED, KEYS, TASKS, TTL = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]) / 1000
HISTORY, VARIETY = sys.argv[9], int(sys.argv[11])
PORT = int(os.environ["TORTURE_PORTS"].split(",")[0])
MILLISECOND = 10_000

history = os.open(HISTORY, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
stop, calm = threading.Event(), threading.Event()
counting = threading.Lock()
counts = {"attempts": 0, "calm": 0}


def now():
    """Ticks of the machine's monotonic clock."""
    return time.monotonic_ns() // 100


def ticks(seconds):
    return int(seconds * 10_000_000)


def tell(kind, key="", attempt="", number=0, text="", at=None):
    text = " ".join(str(text).split())
    os.write(history, f"{now() if at is None else at}\t{NAME}\t{kind}\t{key}\t{attempt}\t\t{number}\t{text}\n".encode())


def count(what):
    with counting:
        counts[what] += 1
        return counts[what]


def watch():
    """Writes down when this process had no processor."""
    last = now()
    while True:
        time.sleep(0.001)
        at = now()
        if at - last > MILLISECOND * 1.5:
            tell("Gap", number=last + MILLISECOND, at=at)
        last = at


def ask(client, key, attempt, wait):
    """Tries until the lock is had or the wait is over. Returns the lock and until when it counts."""
    asked = now()
    tell("Asked", key, attempt, -1 if wait < 0 else ticks(wait), at=asked)
    lock = client.lock(key, timeout=TTL)
    try:
        while True:
            sent = now()
            if lock.acquire(blocking=False):
                due = sent + ticks(TTL)
                if now() >= due:
                    lock.release()
                    raise redis.RedisError("over before it was seen")
                tell("Granted", key, attempt, due)
                return lock, due
            if 0 <= wait <= (now() - asked) / 10_000_000:
                tell("Refused", key, attempt)
                return None, 0
            if stop.is_set():
                tell("Cancelled", key, attempt)
                return None, 0
            time.sleep(0.005)
    except redis.RedisError as problem:
        tell("Failed", key, attempt, text=problem)
        time.sleep(0.02)
        return None, 0


def hold(lock, key, attempt, due, time_held, extends):
    """Holds it, no longer than it counts. Returns until when it counted."""
    end, seen = now() + ticks(time_held), now()
    if extends:
        sent = now()
        try:
            lock.reacquire()
            due = sent + ticks(TTL)
            tell("Extended", key, attempt, due)
        except redis.exceptions.LockError:
            tell("Lost", key, attempt, seen, "Removed" if now() < due else "Expired")
            return due, True
        except redis.RedisError:
            pass
    while now() < end and not stop.is_set():
        at = now()
        if at >= due:
            tell("Lost", key, attempt, seen, "Expired", at=at)
            return due, True
        seen = at
        time.sleep(0.001)
    return due, False


def turn(client, rng, turns):
    key = f"torture/{turns % KEYS if calm.is_set() else rng.randrange(KEYS)}"
    attempt = f"{NAME}.0.{count('attempts')}"
    kind = rng.randrange(6)
    wait = -1 if calm.is_set() or kind > 1 else 0 if kind == 0 else TTL * rng.random()
    lock, due = ask(client, key, attempt, wait)
    if lock is None:
        return
    kind = 0 if calm.is_set() else rng.randrange(VARIETY)
    due, lost = hold(lock, key, attempt, due, {1: TTL * 1.5, 2: TTL * rng.random(), 3: TTL}.get(kind, 0), kind == 3)
    tell("Releasing", key, attempt)
    try:
        lock.release()
        outcome = "Released"
    except redis.exceptions.LockError:
        outcome = "AlreadyExpired" if lost or now() >= due else "HeldByAnother"
    except redis.RedisError:
        outcome = "Unknown"
    tell("Released", key, attempt, text=outcome)


def work(task):
    rng = random.Random(SEED * 1000 + task)
    client = redis.Redis(port=PORT, socket_timeout=2, socket_connect_timeout=2)
    turns = task
    while not stop.is_set():
        try:
            was_calm = calm.is_set()
            turn(client, rng, turns)
            if was_calm and count("calm") == KEYS * TASKS:
                print("served", flush=True)
        except Exception as problem:  # a caller may see errors of the library's own kind only
            tell("Broken", text=f"{type(problem).__name__}: {problem}")
        turns += 1
        time.sleep(0.005 if calm.is_set() else 0.003 * rng.random())


def listen(closed):
    for line in sys.stdin:
        word = line.split()[0]
        if word == "calm":
            calm.set()
        elif word == "stop":
            stop.set()
    stop.set()
    closed.set()


def main():
    closed = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: (stop.set(), closed.set()))
    tell("Started")
    for target, words in ((watch, ()), (listen, (closed,))):
        threading.Thread(target=target, args=words, daemon=True).start()
    tasks = [threading.Thread(target=work, args=(task,)) for task in range(TASKS)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    tell("Ended")
    print("stopped", flush=True)
    closed.wait()
    os._exit(0)


main()
