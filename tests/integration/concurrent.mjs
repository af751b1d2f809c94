// Much at once: many clients, waits, streams and cancellations on every thread of the server.
// Small enough to run under ThreadSanitizer too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Legacy, Modern, readAll, textOf } from './lib/mcp.mjs';
import { childrenOf } from './lib/processes.mjs';
import { useServer } from './lib/server.mjs';
import { until, within } from './lib/until.mjs';

const server = await useServer(null, {
  args: ['--max-concurrent', '16', '--max-per-session', '100'],
  config: 'server:\n  threads: 4\n',
});
const mcp = new Modern(server);
const times = (n, work) => Promise.all(Array.from({ length: n }, (_, i) => work(i)));

test('sixty clients each get their own output and nobody else\'s', async () => {
  await times(60, async (i) => {
    const caller = i % 2 ? await new Legacy(server).open() : new Modern(server);
    const r = await caller.run(`echo mine ${i}; echo $((${i} * 2)) >&2; exit ${i}`);
    assert.equal(textOf(r.output, 'stdout'), `mine ${i}\n`);
    assert.equal(textOf(r.output, 'stderr'), `${i * 2}\n`);
    assert.equal(r.exit_code, i);
  });
});

test('twenty waiters on one execution all get all of it', async () => {
  const id = await mcp.start('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.05; done');
  const pages = await times(20, () => new Modern(server).output(id, { wait: true }));
  for (const page of pages) assert.equal(textOf(page.output), '1\n2\n3\n4\n5\n6\n7\n8\n');
});

test('pollers, writers and cancellers do not disturb each other', async () => {
  await times(12, async (i) => {
    const caller = new Modern(server);
    const id = await caller.start('while read x; do echo "got $x"; done', { interactive: true });
    for (let n = 0; n < 10; n++) {
      await caller.stdin(id, `${i}.${n}`);
      const page = await caller.output(id, { wait_ms: 10_000, until: `got ${i}\\.${n}` });
      assert.match(textOf(page.output), new RegExp(`got ${i}\\.${n}`));
    }
    if (i % 3 === 0) await caller.cancel(id, { force: true });
    else await caller.stdin(id, '', { eof: true });
    const { status } = await caller.ended(id);
    assert.equal(status, i % 3 === 0 ? 'cancelled' : 'completed');
    const { events } = await readAll(caller, id);
    assert.equal(textOf(events).split('\n').filter((line) => line.startsWith('got')).length >= 10, true);
  });
});

test('calls whose clients go away leave nothing running', async () => {
  await times(30, async (i) => {
    const gone = new AbortController();
    const call = new Modern(server).tool('execute_code', { command: 'sleep 600' }, { signal: gone.signal });
    setTimeout(() => gone.abort(), i * 10);
    await assert.rejects(call);
  });
  await until('all to end', async () => {
    const lists = await times(2, (i) => mcp.tool('list_executions', { status: i ? 'pending' : 'running' }));
    return lists.every((list) => list.executions.length === 0);
  });
});

test('sessions come and go while streams are open', async () => {
  await times(20, async () => {
    const old = await new Legacy(server).open();
    const gone = new AbortController();
    const stream = await fetch(server.endpoint, {
      headers: { ...old.headers, ...old.headersOf(), accept: 'text/event-stream' },
      signal: gone.signal,
    });
    assert.ok([200, 405].includes(stream.status));
    assert.deepEqual((await old.request('ping')).result, {});
    assert.ok((await old.close()).ok);
    gone.abort();
  });
});

test('restarts under load lose nothing', async () => {
  const ids = await times(10, (i) => mcp.start(`for n in 1 2 3 4 5; do echo ${i}.$n; sleep 0.2; done; exit ${i}`));
  for (let round = 0; round < 2; round++) await server.restart();
  await times(10, async (i) => {
    const status = await within('the end', 30_000, until('an answer', () => mcp.ended(ids[i]).catch(() => null)));
    assert.deepEqual([status.status, status.exit_code], ['completed', i]);
    const { events } = await readAll(mcp, ids[i]);
    assert.equal(textOf(events), [1, 2, 3, 4, 5].map((n) => `${i}.${n}\n`).join(''));
  });
});

// Prepared for several sessions at a time, with room for those of some: they once took turns for ever.
test('sandboxes that are kept ready are not made again and again', async (t) => {
  const server = await useServer(t);
  const sessions = await Promise.all(Array.from({ length: 4 }, () => new Legacy(server).open()));
  for (let i = 0; i < 6; i++) await Promise.all(sessions.flatMap((s) => [s.run('true'), s.run('true'), s.run('true')]));
  const keeper = server.keeperPid();
  const pids = () => childrenOf(keeper).join();
  let before = pids();
  let since = performance.now();
  await until('the same processes for a second', () => {
    const now = pids();
    if (now !== before) since = performance.now();
    before = now;
    return performance.now() - since > 1000;
  });
});
