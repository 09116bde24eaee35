// npm's live-mutex for the broker rows: "node live-mutex.js PACKAGES broker ADDRESS" or "… client ADDRESS", a port or the path of a
// socket. The client reads lines
// "CYCLES AT_ONCE KEYS", does so many cycles, and answers with the milliseconds; to "timed SECONDS AT_ONCE [SKIPPED]", all on one key, it
// answers with the cycles done in those seconds, after the skipped ones, and the 99th percentile of the waits in milliseconds. Both parts end
// with their input.
'use strict';
const path = require('path');
const readline = require('readline');
const [, , root, what, address] = process.argv;
const place = address.startsWith('/') ? { udsPath: address } : { port: Number(address), host: '127.0.0.1' };
console.error = console.log = console.warn = console.info = () => {};
const { Client, Broker } = require(path.join(root, 'node_modules', 'live-mutex'));
const say = text => process.stdout.write(text + '\n');
const quiet = one => {
  one.emitter.on('error', () => {});
  one.emitter.on('warning', () => {});
  return one;
};

async function run(client, cycles, atOnce, keys) {
  const start = process.hrtime.bigint();
  let left = cycles;
  await Promise.all(Array.from({ length: atOnce }, async (_, i) => {
    const key = 'npm/' + (i % keys);
    while (left-- > 0) {
      const grant = await client.acquire(key);
      await client.release(key, { id: grant.id || grant.lockUuid });
    }
  }));
  return Number(process.hrtime.bigint() - start) / 1e6;
}

async function timed(client, seconds, atOnce, skipped) {
  const begin = Date.now() + (skipped || 0) * 1000;
  const end = begin + seconds * 1000;
  const waits = [];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (Date.now() < end) {
      const start = process.hrtime.bigint();
      const grant = await client.acquire('npm/contended');
      if (Date.now() >= begin && Date.now() < end) waits.push(Number(process.hrtime.bigint() - start) / 1e6);
      await client.release('npm/contended', { id: grant.id || grant.lockUuid });
    }
  }));
  waits.sort((a, b) => a - b);
  return waits.length + ' ' + (waits[Math.floor(waits.length * 0.99)] || 0).toFixed(3);
}

(async () => {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('close', () => process.exit(0));
  if (what === 'broker') {
    await quiet(new Broker(place)).ensure();
    say('ready');
    return;
  }

  const client = quiet(new Client({ ...place, lockRequestTimeout: 20000, ttl: 20000 }));
  await client.ensure();
  say('ready');
  for await (const line of lines) {
    const [cycles, atOnce, keys] = line.split(' ').map(Number);
    try {
      if (line.startsWith('timed')) say(await timed(client, atOnce, keys, Number(line.split(' ')[3])));
      else say((await run(client, cycles, atOnce, keys)).toFixed(3));
    } catch (problem) {
      say('failed: ' + ((problem && problem.message) || problem));
    }
  }
})();
