// MCP sessions over several replicas, without a balancer: made on one, served by all, ended on one, gone everywhere.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Cluster, useCluster } from './lib/cluster.mjs';
import { LEGACY, Legacy } from './lib/mcp.mjs';
import { hasRedis } from './lib/redis.mjs';
import { until } from './lib/until.mjs';

assert.ok(hasRedis, 'redis-server is not installed: run scripts/setup test');

// The same session as another client of another server would use it.
function elsewhere(client, server) {
  const twin = new Legacy(server, { revision: client.revision });
  twin.session = client.session;
  twin.lastId = 1000;
  return twin;
}

const statusOf = async (client) => (await client.request('ping')).status;

describe('a session', () => {
  let cluster, a, b;
  before(async () => {
    cluster = await new Cluster({ replicas: 2, nginx: false }).start();
    [a, b] = cluster.all();
  });
  after(() => cluster.stop());

  for (const revision of LEGACY.filter((r) => r >= '2025-03-26'))
    test(`of ${revision} is served by both, at once`, async () => {
      for (let i = 0; i < 20; i++) {
        const client = await new Legacy(a, { revision }).open();
        assert.equal(await statusOf(elsewhere(client, b)), 200);
      }
    });

  test('that was ended on one is unknown to both', async () => {
    const client = await new Legacy(a).open();
    const twin = elsewhere(client, b);
    assert.equal(await statusOf(twin), 200);
    assert.equal((await twin.close()).status, 204);
    assert.equal(await statusOf(twin), 404);
    await until('the other to hear of it', async () => (await statusOf(client)) === 404);
    assert.match(await cluster.redis.command('GET', `session:${client.session}`), /^{"ended":true/);
  });

  test('keeps what was set elsewhere', async () => {
    const client = await new Legacy(a).open();
    const twin = elsewhere(client, b);
    assert.equal((await twin.request('logging/setLevel', { level: 'error' })).status, 200);
    assert.equal(JSON.parse(await cluster.redis.command('GET', `session:${client.session}`)).log_level, 3);
  });

  test('lives in Redis as long as here, and its executions are listed', async () => {
    const client = await new Legacy(a).open();
    const id = await client.start('true');
    const ttl = Number(await cluster.redis.command('TTL', `session:${client.session}`));
    assert.ok(ttl > 3500 && ttl <= 3600, `TTL ${ttl}`);
    assert.deepEqual(await cluster.redis.command('SMEMBERS', `session:${client.session}:executions`), [id]);
    const listed = (await elsewhere(client, b).tool('list_executions')).executions;
    assert.deepEqual(listed.map((e) => e.id), [id]);
  });

  test('nobody made is unknown to both', async () => {
    for (const server of [a, b]) {
      const client = new Legacy(server);
      client.session = `r1-${'a'.repeat(26)}`;
      assert.equal(await statusOf(client), 404);
    }
  });
});

test('without Redis known sessions go on, others are told to come again', async (t) => {
  const cluster = await useCluster(t, { replicas: 2, nginx: false });
  const [a, b] = cluster.all();
  const client = await new Legacy(a).open();
  const known = elsewhere(client, b);
  assert.equal(await statusOf(known), 200);
  const other = await new Legacy(a).open();
  await cluster.redis.kill();
  const redisOf = async (server) => (await (await fetch(`${server.base}/health/ready`)).json()).redis;
  await until('both to notice', async () => (await redisOf(a)) === 'away' && (await redisOf(b)) === 'away');
  assert.equal((await fetch(`${a.base}/health/ready`)).status, 200);
  assert.equal(await statusOf(client), 200);
  assert.equal(await statusOf(known), 200);
  assert.equal(await statusOf(elsewhere(other, b)), 503);
  const born = await new Legacy(a).open();
  await cluster.redis.restart();
  await until('the other to serve what was made meanwhile', async () => (await statusOf(elsewhere(born, b))) === 200);
  assert.equal(await statusOf(elsewhere(other, b)), 200);
});
