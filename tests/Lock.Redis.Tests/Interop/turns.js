// Takes turns on a key with one of npm's lock clients. Arguments: client, port, key, turns, file that marks the critical section.
'use strict';
const fs = require('fs');
const [client, port, key, turnsText, marker] = process.argv.slice(2);
const turns = Number(turnsText);
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

async function section(release) {
  try {
    fs.writeFileSync(marker, client, { flag: 'wx' });
  } catch (error) {
    console.error(`overlap: ${fs.existsSync(marker) ? fs.readFileSync(marker) : error}`);
    process.exit(3);
  }
  await pause(4);
  fs.unlinkSync(marker);
  await release();
}

async function withRedlock() {
  const Redis = require('ioredis');
  const Redlock = require('redlock');
  const redis = new Redis(Number(port), '127.0.0.1');
  const redlock = new Redlock([redis], { retryCount: 5000, retryDelay: 5, retryJitter: 5 });
  for (let i = 0; i < turns; i++) {
    const lock = await redlock.lock(key, 10000);
    await section(() => lock.unlock());
    await pause(2);
  }
  redis.disconnect();
}

async function withIoredis() {
  const Redis = require('ioredis');
  const redis = new Redis(Number(port), '127.0.0.1');
  for (let i = 0; i < turns; i++) {
    const id = `${process.pid}-${i}`;
    while (await redis.set(key, id, 'PX', 10000, 'NX') !== 'OK') await pause(5);
    await section(() => redis.eval('if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0', 1, key, id));
    await pause(2);
  }
  redis.disconnect();
}

async function withSimpleRedisMutex(pollingInterval) {
  const { createClient } = require('redis');
  const { lock } = require('simple-redis-mutex');
  const redis = await createClient({ socket: { host: '127.0.0.1', port: Number(port) } }).connect();
  for (let i = 0; i < turns; i++) {
    const release = await lock(redis, key, { timeout: 10000, pollingInterval });
    await section(release);
    await pause(2);
  }
  process.exit(0);
}

async function withDistLock() {
  const Redis = require('ioredis');
  const redis = new Redis(Number(port), '127.0.0.1');
  const locks = require('dist-lock')(redis, { ttl: 10000, retryDelay: 5 });
  const acquire = () => new Promise((resolve, reject) => locks.acquire(key, 'node', (error, lock) => error ? reject(error) : resolve(lock)));
  for (let i = 0; i < turns; i++) {
    const lock = await acquire();
    await section(() => new Promise((resolve, reject) => lock.release(error => error ? reject(error) : resolve())));
    await pause(2);
  }
  redis.disconnect();
}

const clients = {
  'redlock': withRedlock,
  'ioredis': withIoredis,
  'simple-redis-mutex': () => withSimpleRedisMutex(50),
  'simple-redis-mutex-notified': () => withSimpleRedisMutex(600000),
  'dist-lock': withDistLock,
};
console.log('ready');
clients[client]().then(() => console.log('done'), error => { console.error(error); process.exit(1); });
