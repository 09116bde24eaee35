// The official Node driver against a server: what the gateway must get right whoever wrote the client.
// usage: node driver-check.cjs FOLDER_WITH_NODE_MODULES URI
const assert = require('node:assert/strict');
const { createRequire } = require('node:module');
const { MongoClient, Long } = createRequire(process.argv[2] + '/')('mongodb');

async function main() {
  const client = new MongoClient(process.argv[3], { serverSelectionTimeoutMS: 5000 });
  await client.connect();
  const db = client.db('driver_check');
  const name = 'c' + process.pid + Date.now();
  const c = db.collection(name);
  try {
    await cursors(c);
    await indexes(c);
    await errors(db, c);
    await locks(c);
  } finally {
    await c.drop();
    await client.close();
  }
  console.log('ok');
}

async function cursors(c) {
  const docs = Array.from({ length: 251 }, (_, i) => ({ _id: 'n' + i, i, long: Long.fromNumber(2 ** 53 - 1), when: new Date(i), bytes: Buffer.from([i & 255]), none: null }));
  assert.equal((await c.insertMany(docs)).insertedCount, 251);
  const back = (await c.find({}).batchSize(50).toArray()).sort((a, b) => a.i - b.i);
  assert.equal(back.length, 251);
  assert.equal(back[250].when.getTime(), 250);
  assert.equal((await c.deleteMany({ i: { $gte: 0 } })).deletedCount, 251);
}

async function indexes(c) {
  assert.equal(await c.createIndex({ purgeAt: 1 }, { expireAfterSeconds: 0, name: 'purge' }), 'purge');
  assert.equal(await c.createIndex({ purgeAt: 1 }, { expireAfterSeconds: 0, name: 'purge' }), 'purge');
  await assert.rejects(c.createIndex({ purgeAt: 1 }, { expireAfterSeconds: 60, name: 'purge' }), e => e.code === 85 || e.code === 86);
  assert.ok((await c.indexes()).some(i => i.name === 'purge' && i.expireAfterSeconds === 0));
}

async function errors(db, c) {
  await c.insertOne({ _id: 'twice' });
  await assert.rejects(c.insertOne({ _id: 'twice' }), e => e.code === 11000);
  await assert.rejects(db.command({ noSuchCommand: 1 }), e => e.code === 59);
  assert.equal((await c.updateOne({ _id: 'twice' }, { $set: { a: 1 } })).modifiedCount, 1);
  assert.equal(await c.countDocuments({ a: 1 }), 1);
}

// The shape of the provider's acquire: sixteen contenders for fresh keys, one winner each.
async function locks(c) {
  const free = { $lte: [{ $ifNull: ['$expiresAt', new Date(0)] }, '$$NOW'] };
  const acquire = async (key, holder) => {
    const update = [{ $set: {
      holder: { $cond: [free, { $literal: holder }, '$holder'] },
      expiresAt: { $cond: [free, { $add: ['$$NOW', 60000] }, '$expiresAt'] },
    } }];
    for (;;) {
      try {
        const got = await c.findOneAndUpdate({ _id: key, holder: { $ne: '' } }, update, { upsert: true, returnDocument: 'after', projection: { holder: 1, left: { $subtract: ['$expiresAt', '$$NOW'] } } });
        assert.ok(Number(got.left) > 0);
        return got.holder === holder;
      } catch (e) {
        if (e.code !== 11000) throw e;
      }
    }
  };
  for (let round = 0; round < 20; round++) {
    const won = await Promise.all(Array.from({ length: 16 }, (_, i) => acquire('k' + round, '$h' + i)));
    assert.equal(won.filter(Boolean).length, 1);
  }
}

main().catch(e => { console.error(e); process.exit(1); });
