// Drives npm's live-mutex for the tests: one JSON command a line in, one JSON answer a line out.
'use strict';
const path = require('path');
const readline = require('readline');
const root = process.argv[2];
console.error = console.log = console.warn = console.info = () => {};
const { Client, Broker } = require(path.join(root, 'node_modules', 'live-mutex'));
const say = value => process.stdout.write(JSON.stringify(value) + '\n');
process.on('warning', () => {});

const clients = {};
const grants = {};
let broker = null;

function quiet(client) {
  // The client throws inside its own stream when an error has no listener.
  client.emitter.on('error', () => {});
  client.emitter.on('warning', () => {});
  client.emitter.on('warning', () => {});
  return client;
}

const text = problem => String((problem && problem.message) || problem);

const actions = {
  async broker(c) {
    broker = new Broker(c.options);
    broker.emitter.on('warning', () => {});
    broker.emitter.on('error', () => {});
    await broker.ensure();
    return {};
  },
  async open(c) {
    clients[c.client] = quiet(new Client(c.options));
    await clients[c.client].ensure();
    return {};
  },
  async close(c) {
    clients[c.client].setNoRecover();
    clients[c.client].close();
    return {};
  },
  async acquire(c) {
    const grant = await clients[c.client].acquire(c.key, c.options || {});
    grants[c.as || c.key] = grant;
    return { acquired: grant.acquired, id: grant.id || grant.lockUuid };
  },
  async release(c) {
    const grant = grants[c.as || c.key];
    const options = c.options || { id: grant.id || grant.lockUuid };
    const done = await clients[c.client].release(c.key, options);
    return { unlocked: done.unlocked };
  },
  async churn(c) {
    // A bystander that connects and leaves, again and again.
    for (let i = 0; i < c.times; i++) {
      const bystander = quiet(new Client(c.options));
      await bystander.ensure();
      await new Promise(next => setTimeout(next, c.every));
      bystander.setNoRecover();
      bystander.close();
    }
    return {};
  },
  async cycles(c) {
    // Takes and gives back one key; counts how often somebody else was inside.
    const client = clients[c.client];
    const fs = require('fs');
    let overlaps = 0;
    for (let i = 0; i < c.times; i++) {
      const grant = await client.acquire(c.key, c.options || {});
      const mine = c.client + '-' + i;
      try {
        fs.writeFileSync(c.file, mine, { flag: 'wx' });
        await new Promise(next => setImmediate(next));
        if (fs.readFileSync(c.file, 'utf8') !== mine) overlaps++;
        fs.unlinkSync(c.file);
      } catch (e) {
        overlaps++;
      }
      await client.release(c.key, { id: grant.id || grant.lockUuid });
    }
    return { overlaps };
  },
};

readline.createInterface({ input: process.stdin }).on('line', async line => {
  const command = JSON.parse(line);
  try {
    say({ n: command.n, ...(await actions[command.do](command)) });
  } catch (problem) {
    say({ n: command.n, problem: text(problem) });
  }
}).on('close', () => process.exit(0));
