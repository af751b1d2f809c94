// Several servers over one Redis, without a balancer: every answer is the same whoever is asked. The
// "from another replica" defects of the service that this one replaces are tests here.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Cluster, useCluster } from './lib/cluster.mjs';
import { listen } from './lib/listen.mjs';
import { LEGACY, Legacy, Modern, bytesOf, readAll, textOf } from './lib/mcp.mjs';
import { processesWith } from './lib/processes.mjs';
import { hasRedis } from './lib/redis.mjs';
import { elapsedMs, slowness, until, within } from './lib/until.mjs';

assert.ok(hasRedis, 'redis-server is not installed: run scripts/setup test');

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const many = ['--max-concurrent', '100', '--max-per-session', '100'];
const quick = 'redis:\n  heartbeat_ttl: 1500ms\n  grace: 1s\n  command_timeout: 2s\n';
const meta = { 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } };
const unknown = `r1-${'a'.repeat(26)}`;

const alone = (options) => ({ replicas: 2, nginx: false, args: many, ...options });

describe('what runs on one replica is served by the other', () => {
  let cluster, a, b;
  before(async () => {
    cluster = await new Cluster(alone()).start();
    [a, b] = cluster.all().map((server) => new Modern(server));
  });
  after(() => cluster.stop());

  test('status, output and end, while it runs and afterwards', async () => {
    const id = await a.start('echo one; sleep 0.1; echo two >&2; read -r x; echo three; exit 7', { interactive: true });
    const first = await b.output(id, { until: 'two', wait_ms: 10_000 });
    assert.equal(first.status, 'running');
    await a.stdin(id, 'go on');
    const whole = await b.output(id, { wait: true });
    assert.equal(textOf(whole.output), 'one\ntwo\nthree\n');
    assert.equal(textOf(whole.output, 'stderr'), 'two\n');
    const [here, there] = [await a.status(id), await b.status(id)];
    assert.deepEqual(there, here);
    assert.deepEqual([there.status, there.exit_code, there.replica], ['completed', 7, 'r1']);
    assert.equal(there.stdout_sha256, sha256('one\nthree\n'));
    assert.deepEqual((await b.output(id)).output, (await a.output(id)).output);
  });

  test('waiting for input is seen by the other, and over for both once there was input', async () => {
    const id = await a.start('for i in 1 2 3 4 5 6; do printf "$i? "; read -r x; done; echo over', { interactive: true });
    for (let i = 1; i <= 6; i++) {
      // What the owner has said last may be on its way for a moment.
      const page = await until(`question ${i}`, async () => {
        const page = await b.output(id, { wait: true, wait_ms: 20_000 });
        assert.deepEqual([page.status, page.waiting_for_input], ['running', true]);
        return page.prompt === '1? 2? 3? 4? 5? 6? '.slice(0, 3 * i) && page;
      });
      assert.equal(page.input_hidden, false);
      assert.equal((await b.status(id)).waiting_for_input, true);
      await (i % 2 ? a : b).stdin(id, 'x');
    }
    await until('the end', async () => (await b.output(id, { wait: true })).status === 'completed');
  });

  test('a cursor of one is valid on the other', async () => {
    const id = await a.start('for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.05; done');
    const servers = [a, b];
    const seen = [];
    for (let cursor, turn = 0; ; turn++) {
      const page = await servers[turn % 2].output(id, { wait_ms: 10_000, ...(cursor && { last_event_id: cursor }) });
      seen.push(...page.output);
      cursor = page.next_event_id ?? cursor;
      if (page.output.some((e) => e.type === 'exit')) break;
    }
    assert.equal(textOf(seen), Array.from({ length: 9 }, (_, i) => `line ${i + 1}\n`).join(''));
    assert.deepEqual(seen.map((e) => e.event_id), [...new Set(seen.map((e) => e.event_id))]);
  });

  test('a wait hears of what happens there: output, a pattern, the end', async () => {
    const id = await a.start('sleep 0.5; echo "port 8080"; sleep 0.5; exit 3', { interactive: true });
    const grew = b.output(id, { wait_ms: 20_000 });
    const matched = b.output(id, { until: 'port \\d+', wait_ms: 20_000 });
    const ended = b.output(id, { wait: true });
    assert.equal(textOf((await grew).output), 'port 8080\n');
    assert.equal((await matched).match, 'port 8080');
    assert.equal((await ended).exit_code, 3);
  });

  test('input arrives once, also when it is sent again through another', async () => {
    const id = await a.start('while read -r x; do echo "<$x>"; done', { interactive: true });
    assert.equal((await b.stdin(id, 'a', { input_id: '1' })).bytes_written, 2);
    assert.equal((await a.stdin(id, 'a', { input_id: '1' })).repeated, true);
    assert.equal((await b.stdin(id, 'a', { input_id: '1' })).repeated, true);
    await b.stdin(id, 'b', { eof: true });
    const whole = await b.output(id, { wait: true });
    assert.equal(textOf(whole.output), '<a>\n<b>\n');
    assert.match(await b.refusal('send_stdin', { execution_id: id, input_data: 'c' }), /already completed/);
    const deaf = await a.start('sleep 600');
    assert.match(await b.refusal('send_stdin', { execution_id: deaf, input_data: 'c' }), /not interactive/);
    await b.cancel(deaf, { force: true });
  });

  test('cancel and signals reach it', async () => {
    const id = await a.start('trap "echo got INT" INT; echo up; while :; do sleep 0.1; done');
    await b.output(id, { until: 'up', wait_ms: 10_000 });
    assert.deepEqual((({ success, was_running }) => ({ success, was_running }))(await b.cancel(id, { signal: 'INT' })), {
      success: true,
      was_running: true,
    });
    assert.equal((await b.output(id, { until: 'got INT', wait_ms: 10_000 })).matched, true);
    await b.cancel(id);
    const status = await b.ended(id);
    assert.equal(status.status, 'cancelled');
    assert.ok(status.signal);
    assert.equal((await b.cancel(id)).was_running, false);
  });

  test('a start by one key is one start, whoever is asked', async () => {
    const args = { idempotency_key: 'over-replicas', timeout_seconds: 60 };
    const starts = await Promise.all(
      [a, b, a, b].map((mcp) => mcp.tool('execute_code_async', { command: 'echo once; sleep 1', ...args })),
    );
    assert.equal(new Set(starts.map((s) => s.execution_id)).size, 1);
    const other = await b.refusal('execute_code_async', { command: 'echo other', ...args });
    assert.match(other, /idempotency_key was used before for another request/);
    const id = starts[0].execution_id;
    const again = await b.tool('execute_code', { command: 'echo once; sleep 1', ...args }).catch((e) => e);
    assert.ok(again.execution_id === id || /another request/.test(again), 'execute_code is another request, or the same');
    assert.equal(textOf((await b.output(id, { wait: true })).output), 'once\n');
  });

  test('list_executions has all of them, newest first, page by page', async () => {
    const ids = [];
    for (let i = 0; i < 7; i++) ids.unshift((await [a, b][i % 2].run(`echo listed ${i}`)).execution_id);
    const seen = [];
    for (let cursor; seen.length < 7; ) {
      const page = await b.tool('list_executions', { limit: 3, ...(cursor && { cursor }) });
      assert.equal(page.note, undefined);
      seen.push(...page.executions);
      cursor = page.next_cursor;
      if (!cursor) break;
    }
    assert.deepEqual(seen.slice(0, 7).map((e) => e.id), ids);
    const listed = seen.find((e) => e.id === ids.find((id) => id.startsWith('r1-')));
    const { stdout_sha256, stderr_sha256, ...status } = await a.status(listed.id);
    assert.deepEqual(listed, status);
    assert.ok(stdout_sha256 && stderr_sha256);
  });

  test('a large output is the same, byte by byte', async () => {
    const { execution_id: id, stdout_sha256 } = await a.run(
      'head -c 3000000 /dev/urandom | base64 -w 70; head -c 100000 /dev/urandom',
      { output: { max_bytes: 1024 } },
    );
    const { events } = await readAll(b, id, { output: { max_bytes: 1_000_000 } });
    assert.equal(sha256(bytesOf(events, 'stdout')), stdout_sha256);
    assert.equal((await b.status(id)).stdout_sha256, stdout_sha256);
  });

  test('an id nobody knows is not found, with every tool', async () => {
    for (const mcp of [a, b]) {
      for (const [tool, args] of [
        ['get_execution_status', {}],
        ['get_execution_output', {}],
        ['get_execution_output', { wait: true }],
        ['send_stdin', { input_data: 'x' }],
        ['cancel_execution', {}],
      ])
        assert.match(await mcp.refusal(tool, { execution_id: unknown, ...args }), /Execution not found/);
    }
  });

  test('its output is a resource, it is a task, and it is followed', async (t) => {
    const id = await a.start('read -r x; echo "<$x>"', { interactive: true });
    const uri = `exec://${id}/output`;
    const stream = await listen(b, { resourceSubscriptions: [uri], taskIds: [id] }, { meta });
    t.after(() => stream.close());
    assert.deepEqual(stream.ack.params.notifications, { resourceSubscriptions: [uri], taskIds: [id] });
    const from = stream.messages.length;
    await a.stdin(id, 'hi');
    await stream.next('its output', (m) => m.params?.uri === uri, from);
    const end = await stream.next('its end', (m) => m.params?.status === 'completed', from);
    assert.equal(textOf(end.params.result.structuredContent.output), '<hi>\n');
    const { result } = await b.request('resources/read', { uri });
    assert.equal(result.contents[0].text, '<hi>\n');
    const task = await b.request('tasks/get', { taskId: id }, { meta });
    assert.equal(task.result.status, 'completed');
  });

  for (const revision of LEGACY)
    test(`every tool, in ${revision}`, async (t) => {
      const [here, there] = await Promise.all(cluster.all().map((s) => new Legacy(s, { revision }).open()));
      t.after(() => Promise.all([here.close(), there.close()]));
      const structured = async (caller, name, args) => JSON.parse((await caller.call(name, args)).content[0].text);
      const { execution_id: id } = await structured(here, 'execute_code_async', {
        command: 'read -r x; echo "<$x>"; sleep 600',
        interactive: true,
      });
      assert.equal((await structured(there, 'get_execution_status', { execution_id: id })).status, 'running');
      assert.equal((await structured(there, 'send_stdin', { execution_id: id, input_data: 'hi' })).success, true);
      const seen = await structured(there, 'get_execution_output', { execution_id: id, wait_ms: 10_000 });
      assert.equal(textOf(seen.output), '<hi>\n');
      assert.equal((await structured(there, 'cancel_execution', { execution_id: id })).was_running, true);
      assert.equal((await structured(there, 'get_execution_output', { execution_id: id, wait: true })).status, 'cancelled');
    });

  for (const revision of LEGACY)
    test(`a session of one is served by the other, in ${revision}`, async () => {
      const session = await new Legacy(cluster.servers.r1, { revision }).open();
      const structured = async (name, args) => JSON.parse((await session.call(name, args)).content[0].text);
      const ids = [];
      for (const server of [...cluster.all(), ...cluster.all()]) {
        session.server = server;
        ids.unshift((await structured('execute_code', { command: 'echo mine' })).execution_id);
      }
      assert.deepEqual(new Set(ids.map((id) => id.split('-')[0])), new Set(['r1', 'r2']));
      for (const server of cluster.all()) {
        session.server = server;
        assert.deepEqual((await structured('list_executions', {})).executions.map((e) => e.id), ids);
      }
      assert.equal((await session.close()).status, 204);
    });

  test('redis-cli shows what the contract says', async () => {
    const { execution_id: id } = await a.run('echo kept');
    const record = JSON.parse(await cluster.redis.command('GET', `execution:${id}`));
    assert.deepEqual(
      [record.id, record.status, record.replica, record.command, record.exit_code, record.bytes_out],
      [id, 'completed', 'r1', 'echo kept', 0, 5],
    );
    const events = await cluster.redis.command('LRANGE', `execution:${id}:output`, 0, -1);
    assert.equal(textOf(events.map((e) => JSON.parse(e))), 'kept\n');
    assert.equal(record.events, events.length);
    assert.equal(await cluster.redis.command('XLEN', 'replica:r1:commands'), 0);
  });
});

describe('another principal', () => {
  test('cannot tell its id from one that nobody knows', async (t) => {
    const token = '0123456789abcdef0123456789abcdef';
    const cluster = await useCluster(t, alone({
      optionsOf: (name) => ({ env: name === 'r1' ? { SANDBOX_AUTH_TOKEN: token } : {} }),
    }));
    const a = new Modern(cluster.servers.r1, { token });
    const b = new Modern(cluster.servers.r2); // everybody, under another name
    const id = await a.start('sleep 600', { interactive: true });
    assert.equal((await b.tool('list_executions')).executions.length, 0);
    for (const [tool, args] of [
      ['get_execution_status', {}],
      ['get_execution_output', { wait: true }],
      ['send_stdin', { input_data: 'x' }],
      ['cancel_execution', {}],
    ]) {
      const foreign = await b.refusal(tool, { execution_id: id, ...args });
      assert.equal(foreign, await b.refusal(tool, { execution_id: unknown, ...args }));
      assert.match(foreign, /Execution not found/);
    }
    assert.equal((await a.status(id)).status, 'running');
  });
});

describe('output behind the bound of Redis', () => {
  test('comes from its owner while that lives, else it is said how much is missing', async (t) => {
    const cluster = await useCluster(t, alone({ config: `${quick}  max_output: 128KiB\n` }));
    const [a, b] = cluster.all().map((server) => new Modern(server));
    const command = 'seq -f "line %06g of an output that is long enough" 1 20000';
    const { execution_id: id, stdout_sha256 } = await a.run(command, { output: { max_bytes: 1024 } });
    const kept = JSON.parse(await cluster.redis.command('GET', `execution:${id}`));
    assert.ok(kept.first_event > 0, 'Redis kept all of it');
    const { events } = await readAll(b, id, { output: { max_bytes: 500_000 } });
    assert.equal(sha256(bytesOf(events, 'stdout')), stdout_sha256);
    const second = (await a.run(command, { output: { max_bytes: 1024 } })).execution_id;
    await until('its end to be in Redis', async () =>
      JSON.parse(await cluster.redis.command('GET', `execution:${second}`)).status === 'completed');
    await cluster.servers.r1.kill();
    await until('its heartbeat to be over', async () => !(await cluster.redis.command('EXISTS', 'replica:r1')));
    const page = await b.output(second, { output: { max_bytes: 500_000 } });
    assert.equal(page.bytes_total, 20000 * 45);
    assert.ok(page.bytes_dropped > 0 && page.bytes_dropped < page.bytes_total);
    assert.equal(bytesOf(page.output).length, page.bytes_total - page.bytes_dropped);
  });
});

describe('without Redis', () => {
  test('executions and polls to the owner go on; what is elsewhere is said to be out of reach', async (t) => {
    const cluster = await useCluster(t, alone({ config: quick }));
    const [a, b] = cluster.all().map((server) => new Modern(server));
    const id = await a.start('for i in $(seq 100); do echo $i; sleep 0.05; done');
    await b.output(id, { wait_ms: 5000 });
    await cluster.redis.kill();
    assert.equal((await a.status(id)).status, 'running');
    assert.match(await b.refusal('get_execution_status', { execution_id: id }), /Redis/);
    assert.equal(textOf((await a.run('echo on')).output), 'on\n');
    assert.match(await a.refusal('execute_code', { command: 'true', idempotency_key: 'k' }), /Nothing was started/);
    assert.match((await a.tool('list_executions')).note, /Redis/);
    await cluster.redis.start(); // another one, and empty
    const whole = await until('the other one to have it again', async () => {
      const result = await b.call('get_execution_output', { execution_id: id, wait: true });
      return !result.isError && result.structuredContent;
    }, 30_000);
    assert.equal(whole.status, 'completed');
    assert.equal(textOf(whole.output), Array.from({ length: 100 }, (_, i) => `${i + 1}\n`).join(''));
  });
});

describe('a replica that dies', () => {
  const dies = (t) => useCluster(t, alone({ config: quick }));

  test('loses what it ran after the grace, and who waits elsewhere hears of it', async (t) => {
    const cluster = await dies(t);
    const [a, b] = cluster.all().map((server) => new Modern(server));
    const id = await a.start('echo so far; sleep 600');
    await b.output(id, { until: 'so far', wait_ms: 10_000 });
    const waits = within('the wait to end', 20_000, b.output(id, { wait: true }));
    await cluster.servers.r1.kill();
    assert.match(await until('its owner to be missed', async () => {
      const result = await b.call('cancel_execution', { execution_id: id });
      return result.isError && result.content[0].text;
    }), /shows no life|did not take/);
    const end = await waits;
    assert.deepEqual([end.status, end.reason, textOf(end.output)], ['lost', 'lost', 'so far\n']);
    const status = await b.status(id);
    assert.equal(status.status, 'lost');
    assert.match(status.error_message, /r1/);
    // It comes back: what was said stays so, and nothing runs on.
    await cluster.servers.r1.start();
    await until('the command to end', () => processesWith(cluster.servers.r1.stateDir).every((p) => !p.command.includes('sleep 600')));
    await until('it to say so itself', async () => (await a.status(id)).status === 'lost');
    assert.equal((await b.status(id)).status, 'lost');
  });

  test('and is back within the grace goes on with everything', async (t) => {
    const cluster = await useCluster(t, alone({ config: 'redis:\n  heartbeat_ttl: 3s\n  grace: 20s\n' }));
    const [a, b] = cluster.all().map((server) => new Modern(server));
    const runs = await a.start('sleep 4; echo over; exit 5');
    const waits = b.output(runs, { wait: true });
    const reads = await a.start('read -r x; echo "<$x>"; exit 6', { interactive: true });
    await cluster.servers.r1.restart();
    await until('input to reach it', async () => !(await b.call('send_stdin', { execution_id: reads, input_data: 'back', input_id: '1' })).isError);
    const [end, other] = [await waits, await b.ended(reads)];
    assert.deepEqual([end.status, end.exit_code, textOf(end.output)], ['completed', 5, 'over\n']);
    assert.deepEqual([other.status, other.exit_code], ['completed', 6]);
    assert.equal(textOf((await b.output(reads)).output), '<back>\n');
  });

  test('only seemingly, because it was stopped, does not make two truths', async (t) => {
    const cluster = await dies(t);
    const [a, b] = cluster.all().map((server) => new Modern(server));
    const runs = await a.start('echo up; sleep 600');
    const ends = await a.start('sleep 1; echo end');
    await b.output(runs, { until: 'up', wait_ms: 10_000 });
    await b.status(ends);
    cluster.servers.r1.signal('SIGSTOP');
    try {
      for (const id of [runs, ends])
        await until('it to be declared lost', async () => {
          const result = await b.call('get_execution_status', { execution_id: id });
          return !result.isError && result.structuredContent.status === 'lost';
        }, 20_000);
    } finally {
      cluster.servers.r1.signal('SIGCONT');
    }
    for (const id of [runs, ends]) {
      await until('it to take that over', async () => (await a.status(id)).status === 'lost');
      const agrees = async () => isDeepStrictEqual(await b.status(id), await a.status(id));
      await until('the other to say the same', agrees);
      assert.equal((await b.status(id)).status, 'lost');
      assert.equal(textOf((await b.output(id)).output), textOf((await a.output(id)).output));
      assert.equal(JSON.parse(await cluster.redis.command('GET', `execution:${id}`)).status, 'lost');
    }
    assert.equal((cluster.servers.r2.log.match(/execution_marked_lost/g) ?? []).length, 2);
    assert.equal(textOf((await a.run('echo fine')).output), 'fine\n');
  });
});

test('a replica that Redis does not let in for a while comes back without two truths', async (t) => {
  const user = ['--user', 'r1', 'on', '>secret', '~*', '&*', '+@all'];
  const cluster = new Cluster(alone({ config: quick, redis: { args: user }, optionsOf: (name) => {
    const url = cluster.redis.url.replace('//', name === 'r1' ? '//r1:secret@' : '//');
    return { args: ['--replica-id', name, '--redis-url', url, ...many] };
  } }));
  t.after(() => cluster.stop());
  await cluster.start();
  const [a, b] = cluster.all().map((server) => new Modern(server));
  const runs = await a.start('while :; do echo on; sleep 0.05; done', { idempotency_key: 'once' });
  const ends = await a.start('echo begin; read -r x; echo end; exit 3', { interactive: true });
  for (const id of [runs, ends]) await b.status(id);
  await cluster.redis.command('ACL', 'SETUSER', 'r1', 'off');
  await cluster.redis.command('CLIENT', 'KILL', 'USER', 'r1');
  await a.stdin(ends, 'go');
  assert.equal((await a.ended(ends)).exit_code, 3); // its own clients are served
  for (const id of [runs, ends])
    await until('it to be declared lost', async () => {
      const result = await b.call('get_execution_status', { execution_id: id });
      return !result.isError && result.structuredContent.status === 'lost';
    }, 20_000);
  assert.equal((await a.status(runs)).status, 'running');
  await cluster.redis.command('ACL', 'SETUSER', 'r1', 'on');
  for (const id of [runs, ends]) {
    await until('its owner to take that over', async () => (await a.status(id)).status === 'lost', 20_000);
    await until('all to say the same', async () => isDeepStrictEqual(await b.status(id), await a.status(id)));
    assert.equal(textOf((await b.output(id)).output), textOf((await a.output(id)).output));
  }
  const again = await b.call('execute_code_async', { command: 'while :; do echo on; sleep 0.05; done', idempotency_key: 'once' });
  assert.deepEqual([again.structuredContent.execution_id, again.structuredContent.status], [runs, 'lost']);
});

describe('a command to an owner that is stopped', () => {
  test('is not carried out late', async (t) => {
    const cluster = await useCluster(t, alone({ config: 'redis:\n  heartbeat_ttl: 20s\n  command_timeout: 1s\n' }));
    const [a, b] = cluster.all().map((server) => new Modern(server));
    const id = await a.start('while read -r x; do echo "<$x>"; done', { interactive: true });
    await b.status(id);
    cluster.servers.r1.signal('SIGSTOP');
    let refusal;
    const took = await elapsedMs(async () => {
      refusal = await b.refusal('send_stdin', { execution_id: id, input_data: 'late' });
    });
    cluster.servers.r1.signal('SIGCONT');
    assert.match(refusal, /nothing was done/);
    assert.ok(took < 5000 * slowness, `it took ${took} ms`);
    await b.stdin(id, 'in time', { eof: true });
    assert.equal(textOf((await b.output(id, { wait: true })).output), '<in time>\n');
  });
});
