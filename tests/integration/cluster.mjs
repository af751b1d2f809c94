// Three replicas that share a Redis behind nginx: official clients and every revision find no difference
// to one server, whether nginx sends them to the owner or forces each request to the next replica.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, kinds } from './lib/clients.mjs';
import { Cluster, useCluster } from './lib/cluster.mjs';
import { LEGACY, Legacy, Modern, textOf } from './lib/mcp.mjs';
import { freePort } from './lib/ports.mjs';
import { processesWith } from './lib/processes.mjs';
import { until, within } from './lib/until.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

const modes = [
  ['sent to the owner', {}],
  ['sent round robin', { args: ['--round-robin'] }],
];

// Every revision by hand, as a client is: { tool(name, args), list() }.
const byHand = [
  ...LEGACY.map((revision) => ({
    name: `revision ${revision}`,
    open: async (cluster) => {
      const caller = await new Legacy(cluster, { revision }).open();
      // Before 2025-06-18 a result has its text alone.
      const tool = async (name, args) => {
        const result = await caller.call(name, args);
        assert.ok(!result.isError, `${name}: ${result.content[0]?.text}`);
        return JSON.parse(result.content[0].text);
      };
      return { tool, close: () => caller.close() };
    },
  })),
  {
    name: 'revision 2026-07-28',
    open: async (cluster) => {
      const caller = new Modern(cluster);
      return { tool: (name, args) => caller.tool(name, args), close: () => {} };
    },
  },
];
const official = kinds.map((kind) => ({
  name: kind.name,
  open: async (cluster) => {
    const { client, tool } = await connect(kind, cluster);
    return { tool, client, close: () => client.close() };
  },
}));

// Reads all by cursor; each page may come from another replica.
async function follow(tool, execution_id) {
  const events = [];
  let page = { status: 'running' };
  let cursor;
  do {
    page = await tool('get_execution_output', {
      execution_id,
      wait_ms: 5000,
      ...(cursor !== undefined && { last_event_id: cursor }),
    });
    events.push(...page.output);
    cursor = page.next_event_id;
  } while (page.status === 'running' || page.output.length > 0);
  assert.equal(new Set(events.map((e) => e.event_id)).size, events.length, 'an event came twice');
  return { events, page };
}

async function uses_every_tool(tool) {
  const run = await tool('execute_code', { command: 'echo hello; exit 3' });
  assert.deepEqual([textOf(run.output), run.status, run.exit_code], ['hello\n', 'completed', 3]);

  const counting = { command: 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; exit 7' };
  const { execution_id } = await tool('execute_code_async', counting);
  const { events, page } = await follow(tool, execution_id);
  assert.equal(textOf(events), '1\n2\n3\n4\n5\n6\n');
  assert.equal(page.exit_code, 7);
  // A cursor of one replica holds on each.
  for (const e of events.slice(0, -1)) {
    const rest = await tool('get_execution_output', { execution_id, last_event_id: e.event_id });
    assert.deepEqual(rest.output.map((o) => o.event_id), events.slice(events.indexOf(e) + 1).map((o) => o.event_id));
  }

  const typing = { command: 'echo ready; while read line; do echo "got $line"; done; echo end', interactive: true };
  const { execution_id: cat } = await tool('execute_code_async', typing);
  const until = async (pattern) => {
    const r = await tool('get_execution_output', { execution_id: cat, wait_ms: 10_000, until: pattern });
    assert.match(textOf(r.output), new RegExp(pattern));
  };
  await until('ready');
  for (const word of ['one', 'two', 'three']) {
    assert.equal((await tool('send_stdin', { execution_id: cat, input_data: word, input_id: word })).success, true);
    assert.equal((await tool('send_stdin', { execution_id: cat, input_data: word, input_id: word })).success, true);
    await until(`got ${word}`);
  }
  assert.equal((await tool('send_stdin', { execution_id: cat, input_data: '', newline: false, eof: true })).success, true);
  const end = await tool('get_execution_output', { execution_id: cat, wait: true });
  assert.equal(textOf(end.output), 'ready\ngot one\ngot two\ngot three\nend\n');

  const { execution_id: sleeper } = await tool('execute_code_async', { command: 'sleep 600' });
  const cancelled = await tool('cancel_execution', { execution_id: sleeper });
  assert.deepEqual([cancelled.success, cancelled.was_running], [true, true]);
  await tool('get_execution_output', { execution_id: sleeper, wait: true });
  const status = await tool('get_execution_status', { execution_id: sleeper });
  assert.deepEqual([status.status, status.signal, status.command], ['cancelled', 'SIGTERM', 'sleep 600']);

  const { executions } = await tool('list_executions', { limit: 200 });
  const ids = executions.map((e) => e.id);
  for (const id of [execution_id, cat, sleeper]) assert.ok(ids.includes(id), `${id} is not in the list`);
}

for (const [how, nginx] of modes)
  describe(how, () => {
    let cluster;
    before(async () => {
      cluster = await new Cluster({ nginx, args: ['--max-concurrent', '50', '--max-per-session', '50'] }).start();
    });
    after(() => cluster.stop());

    for (const kind of [...official, ...byHand])
      test(kind.name, async () => {
        const client = await kind.open(cluster);
        if (client.client) assert.ok((await client.client.listTools()).tools.length >= 7);
        await uses_every_tool(client.tool);
        await client.close();
      });
  });

describe('what redis-cli sees', () => {
  let cluster;
  before(async () => {
    cluster = await new Cluster().start();
  });
  after(() => cluster.stop());

  const ttl = async (key) => Number(await cluster.redis.command('TTL', key));
  const json = async (key) => JSON.parse(await cluster.redis.command('GET', key));

  test('is the contract: keys, types, contents and times to live', async () => {
    const client = await new Legacy(cluster).open();
    const { redis } = cluster;
    const ended = await client.run('echo out; echo err >&2; exit 4', { idempotency_key: 'a-key' });
    const id = ended.execution_id;
    const running = await client.start('echo more; sleep 600');
    await until('its output in Redis', async () => (await redis.command('LLEN', `execution:${running}:output`)) >= 2);
    const replica = id.split('-')[0];

    const types = {
      [`execution:${id}`]: 'string',
      [`execution:${id}:output`]: 'list',
      [`session:${client.session}:executions`]: 'set',
      [`session:${client.session}`]: 'string',
      'owner:anonymous:executions': 'zset',
      [`replica:${replica}`]: 'string',
      'idempotency:anonymous:a-key': 'string',
    };
    for (const [key, type] of Object.entries(types)) {
      assert.equal(redis.cli('TYPE', key), type, key);
      const seconds = await ttl(key);
      const most = key.startsWith('replica:') ? 15 : 3600;
      assert.ok(seconds > 0 && seconds <= most, `${key}: TTL ${seconds}`);
    }
    const metadata = await until('the end in Redis', async () => {
      const m = await json(`execution:${id}`);
      return m.status === 'completed' && m;
    });
    for (const field of ['id', 'session_id', 'command', 'status', 'started_at', 'completed_at', 'exit_code', 'error_message',
      'interactive', 'replica', 'owner', 'bytes_out', 'first_event', 'events', 'signal', 'reason', 'usage', 'stdout_sha256', 'stderr_sha256'])
      assert.ok(field in metadata, `execution:<id> has no ${field}`);
    assert.deepEqual([metadata.id, metadata.session_id, metadata.replica, metadata.exit_code, metadata.bytes_out],
      [id, client.session, replica, 4, 8]);
    const list = (await redis.command('LRANGE', `execution:${id}:output`, 0, -1)).map((text) => JSON.parse(text));
    assert.deepEqual(list.map((e) => e.type).filter((t) => /^std/.test(t)).sort(), ['stderr', 'stdout']);
    assert.equal(list.at(-1).type, 'exit');
    assert.deepEqual(list.map((e) => e.event_id), (await client.output(id)).output.map((e) => e.event_id));

    const members = await redis.command('SMEMBERS', `session:${client.session}:executions`);
    assert.deepEqual(members.sort(), [id, running].sort());
    assert.deepEqual(await redis.command('ZRANGE', 'owner:anonymous:executions', 0, -1), [id, running]);
    assert.equal(await redis.command('GET', 'idempotency:anonymous:a-key'), id);
    const session = await json(`session:${client.session}`);
    assert.equal(session.revision, '2025-11-25');
    const heartbeat = await until('a heartbeat', async () => {
      const beat = await json(`replica:${replica}`);
      return beat.running === 1 && beat;
    });
    assert.equal(heartbeat.draining, false);
    await client.cancel(running, { force: true });
  });

  test('is nothing of environment, input and tokens', async () => {
    const client = new Modern(cluster);
    const secret = 'a-value-that-nobody-else-writes';
    const id = await client.start('read x; echo "got ${#x} ${#V}"', { interactive: true, environment: { V: secret } });
    await client.stdin(id, secret);
    assert.match(textOf((await client.output(id, { wait: true })).output), /got 31 31/);
    await until('the end in Redis', async () => (await json(`execution:${id}`)).status === 'completed');
    for (const key of await cluster.redis.command('KEYS', '*')) {
      const dump = await cluster.redis.command('DUMP', key);
      assert.ok(!String(dump).includes(secret), `${key} has the secret`);
    }
  });
});

test('after their time to live nothing is left of executions and sessions', async (t) => {
  const cluster = await useCluster(t, { config: 'retention:\n  ttl: 2s\nsessions:\n  ttl: 2s\n' });
  const client = await new Legacy(cluster).open();
  await client.run('echo hello', { idempotency_key: 'short-lived' });
  const modern = await new Modern(cluster).start('sleep 3.5; echo long');
  const keys = async () => (await cluster.redis.command('KEYS', '*')).filter((key) => !/^replicas$|^replica:[^:]+(:commands)?$/.test(key)).sort();
  assert.ok((await keys()).length >= 6, (await keys()).join());
  // What runs lives on for longer than that.
  assert.equal(textOf((await new Modern(cluster).output(modern, { wait: true })).output), 'long\n');
  await until('nothing but heartbeats', async () => {
    const left = await keys();
    return left.length === 0 || void (cluster.left = left);
  }, 20_000).catch((error) => assert.fail(`${error.message} ${cluster.left}`));
});

test('replicas are replaced one after the other while commands write and clients read', async (t) => {
  const cluster = await useCluster(t, { args: ['--max-concurrent', '50', '--max-per-session', '50'] });
  const mcp = new Modern(cluster);
  const old = await new Legacy(cluster).open();
  const count = 120;
  const command = `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo line $i; sleep 0.05; done; exit 9`;
  const ids = await Promise.all(Array.from({ length: 6 }, (_, i) => (i % 2 ? old : mcp).start(command)));
  const reads = Promise.all(ids.map((id, i) => follow((name, args) => (i % 2 ? old : mcp).tool(name, args), id)));
  reads.catch(() => {}); // looked at below
  for (const server of cluster.all()) {
    server.signal('SIGUSR2');
    await server.exit;
    await server.start();
  }
  const expected = Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');
  for (const { events, page } of await reads) {
    assert.equal(textOf(events), expected);
    assert.deepEqual([page.status, page.exit_code], ['completed', 9]);
  }
});

test('scripts/cluster runs it all, shows the logs together and leaves nothing', async (t) => {
  const port = await freePort();
  const script = spawn('scripts/cluster', ['--port', String(port), '--replicas', '2'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(script, 'exit');
  t.after(() => script.kill('SIGTERM'));
  let text = '';
  for (const stream of [script.stdout, script.stderr]) stream.setEncoding('utf8').on('data', (more) => (text += more));
  await until('the endpoint', () => {
    assert.equal(script.exitCode, null, text);
    return text.includes('Ctrl-C stops all');
  }, 60_000);
  const mcp = new Modern({ endpoint: `http://127.0.0.1:${port}/mcp` });
  const seen = new Set();
  for (let i = 0; i < 4; i++) seen.add((await mcp.run('echo hello')).execution_id.split('-')[0]);
  assert.deepEqual([...seen].sort(), ['r1', 'r2']);
  const [, call] = /(curl -sS [^]*?)\n\n/.exec(text);
  assert.match(spawnSync('sh', ['-c', call], { encoding: 'utf8' }).stdout, /hello/);
  const [, dir] = /-s (\S+)\/redis.sock/.exec(text);
  await until('lines of each', () => ['redis', 'r1', 'r2', 'nginx'].every((name) => text.includes(`\n${name} | `)));
  script.kill('SIGTERM');
  await within('its end', 30_000, exit);
  await until('all of it to be gone', () => !existsSync(dir) && processesWith(dir).length === 0);
});
