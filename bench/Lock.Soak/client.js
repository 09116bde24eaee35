// One process of npm's live-mutex for the soak: "node client.js PACKAGES PORT". Says the same lines as our own workers; ends with its input.
'use strict';
const path = require('path');
const [, , root, port] = process.argv;
console.error = console.log = console.warn = console.info = () => {};
const { Client } = require(path.join(root, 'node_modules', 'live-mutex'));
const tell = (what, key, id) => process.stdout.write(`${what} ${process.hrtime.bigint() / 100n} ${key} ${id}\n`);
const pause = time => new Promise(next => setTimeout(next, time));

(async () => {
  const client = new Client({ port: Number(port), host: '127.0.0.1', ttl: 2000, lockRequestTimeout: 3000 });
  client.emitter.on('error', () => {});
  client.emitter.on('warning', () => {});
  await client.ensure();
  for (let task = 0; task < 4; task++) (async () => {
    for (let turn = 0; ; turn++) {
      const key = 'soak/' + Math.floor(Math.random() * 3);
      const id = task + '.' + turn;
      tell('ask', key, id);
      try {
        const grant = await client.acquire(key);
        tell('got', key, id);
        if (Math.random() < 0.25) await pause(Math.random() * 30);
        await client.release(key, { id: grant.id || grant.lockUuid });
      } catch (problem) {
        await pause(1);
      }
      tell('end', key, id);
    }
  })();
})();
process.stdin.on('end', () => process.exit(0)).resume();
