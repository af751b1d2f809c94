// What the service that this one replaces got wrong (contract, section 5): each a test. Those about
// Redis and several replicas are not here.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Legacy, Modern, bytesOf, readAll, textOf } from './lib/mcp.mjs';
import { isAlive, processesWith } from './lib/processes.mjs';
import { Server, useServer } from './lib/server.mjs';
import { elapsedMs, slowness, until, within } from './lib/until.mjs';

const sha256 = (data) => createHash('sha256').update(data).digest('hex');

test('a session outlives the server that made it', async (t) => {
  const server = await useServer(t);
  const old = await new Legacy(server).open();
  const { execution_id } = await old.run('echo kept');
  await server.restart();
  assert.equal(textOf((await old.output(execution_id)).output), 'kept\n');
  assert.deepEqual((await old.tool('list_executions')).executions.map((e) => e.id), [execution_id]);
});

test('kill -9 of the server orphans nothing: what ran goes on, ends, and is told truthfully', async (t) => {
  const server = await useServer(t);
  const mcp = new Modern(server);
  const runs = await mcp.start('echo begin; sleep 1; echo end; exit 7');
  const endsMeanwhile = await mcp.start('sleep 0.2; exit 8');
  await server.kill();
  await until('the short one to end', () => processesWith('sleep 0.2').length === 0);
  await server.start();
  const [a, b] = [await mcp.ended(endsMeanwhile), await mcp.ended(runs)];
  assert.deepEqual([a.status, a.exit_code], ['completed', 8]);
  assert.deepEqual([b.status, b.exit_code], ['completed', 7]);
  assert.equal(textOf((await mcp.output(runs)).output), 'begin\nend\n');
});

test('kill -9 of server and keeper leaves no process, and nothing that is told as running', async (t) => {
  const server = await useServer(t);
  const mcp = new Modern(server);
  const id = await mcp.start(`exec sleep 600.${process.pid}`);
  const [{ pid }] = await until('the command to run', () => {
    const found = processesWith(`sleep 600.${process.pid}`);
    return found.length > 0 && found;
  });
  process.kill(server.keeperPid(), 'SIGKILL');
  await server.kill();
  await until('the command to end', () => !isAlive(pid));
  await server.start();
  const status = await until('its end to be told', async () => {
    const s = await mcp.status(id);
    return s.status !== 'running' && s;
  });
  assert.equal(status.status, 'lost');
});

test('TERM ends the server although a request is stuck', async (t) => {
  const server = new Server({ config: 'server:\n  drain_timeout: 1s\n' });
  t.after(() => server.remove());
  await server.start();
  const mcp = new Modern(server);
  const stuck = mcp.run("trap '' TERM INT; echo up; while :; do sleep 1; done", { timeout_seconds: 600 });
  stuck.catch(() => {}); // its connection may be cut
  await until('it to run', async () => (await mcp.tool('list_executions')).executions.length === 1);
  server.signal('SIGTERM');
  assert.equal((await within('the end', 20_000, server.exit)).code, 0);
});

test('the global limit is held, not only logged', async (t) => {
  const mcp = new Modern(await useServer(t, { args: ['--max-concurrent', '2'] }));
  const ids = await Promise.all([1, 2, 3, 4, 5].map(() => mcp.start('sleep 600')));
  const statuses = await Promise.all(ids.map(async (id) => (await mcp.status(id)).status));
  assert.equal(statuses.filter((s) => s === 'running').length, 2, statuses.join());
  for (const id of ids) await mcp.cancel(id, { force: true });
});

test('a line of 70,000 bytes loses nothing of itself or of what follows', async (t) => {
  const mcp = new Modern(await useServer(t));
  const line = `${'x'.repeat(70_000)}\n`;
  const { execution_id } = await mcp.run("head -c 70000 /dev/zero | tr '\\0' x; echo; echo after; exit 3");
  const status = await mcp.status(execution_id);
  assert.deepEqual([status.status, status.exit_code], ['completed', 3]);
  const { events } = await readAll(mcp, execution_id);
  assert.equal(sha256(bytesOf(events)), sha256(`${line}after\n`));
  assert.equal(status.stdout_sha256, sha256(`${line}after\n`));
});

test('two waiters on one execution both get all of it', async (t) => {
  const mcp = new Modern(await useServer(t));
  const id = await mcp.start('for i in 1 2 3 4 5; do echo $i; sleep 0.1; done');
  const pages = await within(
    'the waits',
    15_000,
    Promise.all([1, 2].map(() => mcp.output(id, { wait: true }))),
  );
  for (const page of pages) assert.equal(textOf(page.output), '1\n2\n3\n4\n5\n');
});

test('a long output makes a short reply', async (t) => {
  const mcp = new Modern(await useServer(t));
  let reply;
  const ms = await elapsedMs(async () => {
    reply = await mcp.request('tools/call', {
      name: 'execute_code',
      arguments: { command: 'seq 1 200000' },
    });
  });
  const bytes = JSON.stringify(reply.messages).length;
  assert.ok(bytes < 400_000, `${bytes} bytes for 1.3 MB of output`);
  assert.ok(ms < 2000 * slowness, `${ms} ms`);
});

test('a cancelled execution has exit code and signal', async (t) => {
  const mcp = new Modern(await useServer(t));
  const id = await mcp.start('exec sleep 600');
  await mcp.cancel(id);
  const s = await mcp.ended(id);
  assert.deepEqual([s.status, s.exit_code, s.signal], ['cancelled', -15, 'SIGTERM']);
});

test('a poll costs what it returns, not what was written', async (t) => {
  const mcp = new Modern(await useServer(t));
  const id = await mcp.start('seq 1 8000000; sleep 600');
  await mcp.output(id, { wait_ms: 60_000, until: '^8000000$', output: { tail_lines: 1 } });
  const { next_event_id } = await mcp.output(id, { output: { tail_lines: 1 } });
  const poll = () => mcp.output(id, { last_event_id: next_event_id });
  await poll();
  const ms = await elapsedMs(async () => {
    for (let i = 0; i < 20; i++) await poll();
  });
  assert.ok(ms / 20 < 50 * slowness, `${ms / 20} ms for a poll that returns nothing`);
  await mcp.cancel(id, { force: true });
});

test('finished executions go after their time, from memory and from disk', async (t) => {
  const config = 'retention:\n  ttl: 1s\n  max_executions: 5\n';
  const server = await useServer(t, { config });
  const mcp = new Modern(server);
  const ids = [];
  for (let i = 0; i < 8; i++) ids.push((await mcp.run(`echo ${i}`)).execution_id);
  await until('all to go', () => server.executionDirs().length === 0, 20_000);
  assert.match(await mcp.refusal('get_execution_status', { execution_id: ids[7] }), /Execution not found/);
  assert.deepEqual((await mcp.tool('list_executions')).executions, []);
});

test('no token and no body comes into the log', async (t) => {
  const token = 'never-in-the-log';
  const server = await useServer(t, { args: ['--token', token], config: 'log:\n  level: debug\n' });
  await new Modern(server, { token }).run('echo never-in-the-log');
  await new Modern(server, { token: `${token}-wrong` }).request('server/discover');
  assert.ok(!server.log.includes('never-in-the-log'));
});

test('echo hello takes a few milliseconds, and many of them run a second', async (t) => {
  const mcp = new Modern(await useServer(t));
  await mcp.run('echo hello');
  const ms = await elapsedMs(async () => {
    for (let i = 0; i < 50; i++) await mcp.run('echo hello');
  });
  assert.ok(ms / 50 < 40 * slowness, `${ms / 50} ms each`);
});
