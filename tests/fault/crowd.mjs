// Very many at once: executions, and waiters on one of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Modern, textOf } from '../integration/lib/mcp.mjs';
import { useServer } from '../integration/lib/server.mjs';
import { until } from '../integration/lib/until.mjs';

test('two hundred executions at once all end right', async (t) => {
  const server = await useServer(t, { args: ['--max-concurrent', '200'] });
  const mcp = new Modern(server);
  const numbers = Array.from({ length: 200 }, (_, i) => i);
  const ids = await Promise.all(numbers.map((i) => mcp.start(`read go; echo ${i}; exit $((${i} % 100))`, { interactive: true })));
  const { executions } = await mcp.tool('list_executions', { status: 'running', limit: 200 });
  assert.equal(executions.length, 200);
  await Promise.all(ids.map((id) => mcp.stdin(id, 'go')));
  await Promise.all(
    numbers.map(async (i) => {
      const end = await mcp.output(ids[i], { wait: true });
      assert.deepEqual([end.status, end.exit_code, textOf(end.output)], ['completed', i % 100, `${i}\n`]);
    }),
  );
});

test('fifty waiters on one execution all get all of it', async (t) => {
  const server = await useServer(t);
  const mcp = new Modern(server);
  const id = await mcp.start('until [ -e go ]; do sleep 0.05; done; for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.02; done');
  const waits = Array.from({ length: 50 }, () => new Modern(server).output(id, { wait: true }));
  const waiting = async () => {
    const text = await (await server.get('/metrics')).text();
    return Number(/^[a-z_]*waiters (\d+)/m.exec(text)?.[1]) === 50;
  };
  await until('fifty to wait', waiting);
  await mcp.run('touch go');
  for (const page of await Promise.all(waits))
    assert.equal(textOf(page.output), '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n');
});

test('an execution that writes without end does not slow the polls of others', async (t) => {
  const server = await useServer(t, { config: 'limits:\n  max_output: 0\n  keep_output: 16MiB\n' });
  const mcp = new Modern(server);
  const noisy = await mcp.start('yes');
  await until('it to write', async () => (await mcp.status(noisy)).bytes_out > 32 << 20);
  const times = [];
  for (let i = 0; i < 50; i++) {
    const begin = performance.now();
    assert.equal((await mcp.run('echo quiet')).exit_code, 0);
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  assert.ok(times[25] < 300, `median ${times[25]} ms`);
  const page = await mcp.output(noisy, { last_event_id: '0' });
  assert.ok(page.bytes_dropped > 0, 'older output was dropped and the reader is not told');
  await mcp.cancel(noisy, { force: true });
});
