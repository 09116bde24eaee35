// A worker of the torture with one of npm's lock clients. Arguments, input and lines as WorkerProcess has them; TORTURE_PORTS has the server.
//
// Where a client knows neither how long its lock is still valid nor a loss, this program counts the lease from before the request that was
// granted, as a careful caller does, and relies on nothing after it. Tokens are left alone, and so is the resource.
'use strict';
const fs = require('fs');
const [, name, seedText, keysText, tasksText, ttlText, , client, historyPath, , varietyText] = process.argv.slice(2);
const [keys, tasks, ttl, variety] = [keysText, tasksText, ttlText, varietyText].map(Number);
const port = Number(process.env.TORTURE_PORTS.split(',')[0]);
const say = line => process.stdout.write(line + '\n');
console.error = console.log = console.warn = console.info = () => {};
process.on('warning', () => {});

const history = fs.openSync(historyPath, 'a');
const now = () => Number(process.hrtime.bigint() / 100n);
const ticks = ms => Math.floor(ms * 10000);
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
let [attempts, calmTurns, calm, stopped] = [0, 0, false, false];

function tell(kind, key = '', attempt = '', number = 0, text = '', at = now()) {
  fs.writeSync(history, `${at}\t${name}\t${kind}\t${key}\t${attempt}\t\t${number}\t${String(text).replace(/\s+/g, ' ')}\n`);
}

// The same choices for the same seed.
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// Each: try(key) gives null when the lock is not free, or { extend, release }; those answer false when it is not ours any more.
const makers = {
  redlock: async () => {
    const Redis = require('ioredis');
    const Redlock = require('redlock');
    const redis = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 0, commandTimeout: 2000, retryStrategy: () => 50 });
    redis.on('error', () => {});
    const redlock = new Redlock([redis], { retryCount: 0 });
    const refused = error => error && error.name === 'LockError';
    return {
      // It answers the same error for a busy lock and for a server that is not there: nobody knows which, so it counts as failed unless
      // the server answers.
      async try(key) {
        let lock;
        try {
          lock = await redlock.lock(key, ttl);
        } catch (error) {
          if (refused(error) && await redis.ping() === 'PONG') return null;
          throw error;
        }
        return {
          extend: async () => { try { lock = await lock.extend(ttl); return true; } catch (error) { return await redis.ping() === 'PONG' && refused(error) ? false : null; } },
          release: async () => { try { await lock.unlock(); return true; } catch (error) { return await redis.ping() === 'PONG' && refused(error) ? false : null; } },
        };
      },
    };
  },
  'simple-redis-mutex': async () => {
    const { createClient } = require('redis');
    const { tryLock } = require('simple-redis-mutex');
    const redis = createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: 50 }, disableOfflineQueue: true });
    redis.on('error', () => {});
    await redis.connect();
    const limited = promise => Promise.race([promise, pause(2000).then(() => { throw new Error('no answer within 2 s'); })]);
    return {
      async try(key) {
        const [has, release] = await limited(tryLock(redis, key, { timeout: ttl }));
        return has ? { extend: async () => null, release: async () => { await limited(release()); return null; } } : null;
      },
    };
  },
  'live-mutex': async () => {
    const { Client } = require('live-mutex');
    const mutex = new Client({ host: '127.0.0.1', port, ttl, lockRequestTimeout: 300, unlockRequestTimeout: 2000, lockRetryMax: 1 });
    for (const event of ['error', 'warning']) mutex.emitter.on(event, () => {});
    await mutex.ensure();
    return {
      async try(key) {
        let grant;
        try {
          grant = await mutex.acquire(key, { ttl, lockRequestTimeout: 300, maxRetries: 0 });
        } catch (error) {
          if (/timed out|timeout|retries/i.test(String(error && error.message))) return null;
          throw error;
        }
        if (!grant.acquired) return null;
        // It answers "unlocked" also for a lock that had ended: that says nothing.
        return { extend: async () => null, release: async () => { await mutex.release(key, { id: grant.id || grant.lockUuid }); return null; } };
      },
    };
  },
};

async function ask(locks, key, attempt, wait) {
  const asked = now();
  tell('Asked', key, attempt, wait < 0 ? -1 : ticks(wait), '', asked);
  try {
    for (;;) {
      const sent = now();
      const held = await locks.try(key);
      if (held) {
        const due = sent + ticks(ttl);
        if (now() >= due) {
          await held.release();
          throw new Error('over before it was seen');
        }
        tell('Granted', key, attempt, due);
        return { held, due };
      }
      if (wait >= 0 && now() - asked >= ticks(wait)) {
        tell('Refused', key, attempt);
        return null;
      }
      if (stopped) {
        tell('Cancelled', key, attempt);
        return null;
      }
      await pause(5);
    }
  } catch (problem) {
    tell('Failed', key, attempt, 0, problem && problem.message);
    await pause(20);
    return null;
  }
}

async function holdFor(held, key, attempt, due, time, extend) {
  const end = now() + ticks(time);
  let seen = now();
  if (extend) {
    const sent = now();
    const extended = await held.extend();
    if (extended === false) {
      tell('Lost', key, attempt, seen, now() < due ? 'Removed' : 'Expired');
      return { due, lost: true };
    }
    if (extended) {
      due = sent + ticks(ttl);
      tell('Extended', key, attempt, due);
    }
  }
  while (now() < end && !stopped) {
    const at = now();
    if (at >= due) {
      tell('Lost', key, attempt, seen, 'Expired', at);
      return { due, lost: true };
    }
    seen = at;
    await pause(1);
  }
  return { due, lost: false };
}

async function turn(locks, random, turns) {
  const key = `torture/${calm ? turns % keys : Math.floor(random() * keys)}`;
  const attempt = `${name}.0.${++attempts}`;
  const asks = Math.floor(random() * 6);
  const asked = await ask(locks, key, attempt, calm || asks > 1 ? -1 : asks === 0 ? 0 : ttl * random());
  if (!asked) return;
  const kind = calm ? 0 : Math.floor(random() * variety);
  const time = { 1: ttl * 1.5, 2: ttl * random(), 3: ttl }[kind] || 0;
  const { due, lost } = await holdFor(asked.held, key, attempt, asked.due, time, kind === 3);
  tell('Releasing', key, attempt);
  let outcome = 'Unknown';
  try {
    const released = await asked.held.release();
    outcome = released ? 'Released' : released === null ? 'Unknown' : lost || now() >= due ? 'AlreadyExpired' : 'HeldByAnother';
  } catch {
    // No answer.
  }
  tell('Released', key, attempt, 0, outcome);
}

async function work(locks, task) {
  const random = generator(Number(seedText) * 1000 + task);
  for (let turns = task; !stopped; turns++) {
    const wasCalm = calm;
    await turn(locks, random, turns).catch(problem => tell('Broken', '', '', 0, problem && problem.message));
    if (wasCalm && ++calmTurns === keys * tasks) say('served');
    await pause(calm ? 5 : 3 * random());
  }
}

async function main() {
  tell('Started');
  let last = now();
  setInterval(() => {
    const at = now();
    if (at - last > ticks(2.5)) tell('Gap', '', '', last + ticks(1), '', at);
    last = at;
  }, 1);
  const closed = new Promise(resolve => {
    process.on('SIGTERM', () => { stopped = true; resolve(); });
    process.stdin.on('end', () => { stopped = true; resolve(); });
  });
  require('readline').createInterface({ input: process.stdin }).on('line', line => {
    if (line.startsWith('calm')) calm = true;
    if (line.startsWith('stop')) stopped = true;
  });
  process.on('unhandledRejection', problem => tell('Broken', '', '', 0, `unhandled: ${problem && problem.message}`));
  const locks = await makers[client]();
  await Promise.all(Array.from({ length: tasks }, (_, task) => work(locks, task)));
  tell('Ended');
  say('stopped');
  await closed;
  process.exit(0);
}

main().catch(problem => {
  tell('Broken', '', '', 0, problem && problem.message);
  process.exit(1);
});
