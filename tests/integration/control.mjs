// send_stdin, cancel_execution, get_execution_status and list_executions.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { Legacy, Modern, textOf } from './lib/mcp.mjs';
import { processesWith } from './lib/processes.mjs';
import { useServer } from './lib/server.mjs';
import { elapsedMs, slowness, until } from './lib/until.mjs';

const server = await useServer(null, { args: ['--max-concurrent', '20'] });
const mcp = new Modern(server);
const UNKNOWN = 'none-aaaaaaaaaaaaaaaaaaaaaaaaaa';

// A refusal of send_stdin or cancel_execution is told twice: success:false, and as text.
async function refused(tool, args) {
  const result = await mcp.call(tool, args);
  assert.notEqual(result.structuredContent?.success, true, `${tool} ${JSON.stringify(args)} succeeded`);
  return result.content[0].text;
}

async function waitForOutput(id, pattern) {
  const page = await mcp.output(id, { wait_ms: 10_000, until: pattern });
  assert.match(textOf(page.output), new RegExp(pattern));
  return page;
}

describe('send_stdin', () => {
  test('appends a newline when there is none', async () => {
    const id = await mcp.start('read a; read b; echo "<$a|$b>"', { interactive: true });
    assert.equal((await mcp.stdin(id, 'one')).success, true);
    assert.equal((await mcp.stdin(id, 'two\n')).success, true);
    assert.equal(textOf((await mcp.output(id, { wait: true })).output), '<one|two>\n');
  });

  test('appends none with newline false, and closes with eof', async () => {
    const id = await mcp.start('cat', { interactive: true });
    await mcp.stdin(id, 'no', { newline: false });
    await mcp.stdin(id, 'line', { newline: false, eof: true });
    const end = await mcp.output(id, { wait: true });
    assert.equal(textOf(end.output), 'noline');
    assert.equal(end.exit_code, 0);
  });

  test('writes a repeat with the same input_id once', async () => {
    const id = await mcp.start('cat', { interactive: true });
    for (let i = 0; i < 3; i++)
      assert.equal((await mcp.stdin(id, 'once', { input_id: 'first' })).success, true);
    await mcp.stdin(id, 'twice', { input_id: 'second', eof: true });
    assert.equal(textOf((await mcp.output(id, { wait: true })).output), 'once\ntwice\n');
  });

  test('keeps the order of many writes', async () => {
    const id = await mcp.start('cat', { interactive: true });
    for (let i = 0; i < 200; i++) await mcp.stdin(id, `line ${i}`, { eof: i === 199 });
    const end = await mcp.output(id, { wait: true });
    assert.deepEqual(
      textOf(end.output).trimEnd().split('\n'),
      Array.from({ length: 200 }, (_, i) => `line ${i}`),
    );
  });

  test('reaches a terminal', async () => {
    const id = await mcp.start('read x; echo "got $x"', { interactive: true, pty: true });
    await mcp.stdin(id, 'typed');
    assert.match(textOf((await mcp.output(id, { wait: true })).output), /got typed/);
  });

  test('is refused when the execution is not interactive', async () => {
    const id = await mcp.start('sleep 600');
    assert.match(await refused('send_stdin', { execution_id: id, input_data: 'x' }), /Execution is not interactive/);
    await mcp.cancel(id, { force: true });
  });

  test('is refused after the end', async () => {
    const id = await mcp.start('true', { interactive: true });
    await mcp.ended(id);
    assert.match(await refused('send_stdin', { execution_id: id, input_data: 'x' }), /Execution already completed/);
  });

  test('is refused for an unknown execution', async () => {
    assert.match(await refused('send_stdin', { execution_id: UNKNOWN, input_data: 'x' }), /Execution not found/);
  });

  test('is refused when the command does not read and the queue is full, and the server lives', async () => {
    const id = await mcp.start('sleep 600', { interactive: true });
    const chunk = 'x'.repeat(60_000);
    let text = '';
    for (let i = 0; i < 40 && !text; i++) {
      const result = await mcp.call('send_stdin', { execution_id: id, input_data: chunk });
      if (result.structuredContent?.success !== true) text = result.content[0].text;
    }
    assert.match(text, /full|queued|max_stdin/i);
    await mcp.cancel(id, { force: true });
  });
});

describe('cancel_execution', () => {
  test('ends with TERM what heeds it, and tells the signal', async () => {
    const id = await mcp.start('echo up; exec sleep 14142');
    await waitForOutput(id, 'up');
    const r = await mcp.cancel(id);
    assert.deepEqual([r.success, r.was_running], [true, true]);
    const status = await mcp.ended(id);
    assert.deepEqual(
      [status.status, status.exit_code, status.signal, status.reason],
      ['cancelled', -15, 'SIGTERM', 'cancelled'],
    );
    const { output } = await mcp.output(id);
    assert.ok(output.some((e) => e.type === 'cancelled'));
    await until('it to end', () => processesWith('sleep 14142').length === 0);
  });

  test('kills after a grace what ignores TERM', async () => {
    const id = await mcp.start("trap '' TERM; echo up; while :; do sleep 0.1; done");
    await waitForOutput(id, 'up');
    const ms = await elapsedMs(async () => {
      await mcp.cancel(id);
      assert.deepEqual((await mcp.ended(id)).signal, 'SIGKILL');
    });
    assert.ok(ms > 2500 && ms < 6000 * slowness, `${ms} ms`);
  });

  test('kills at once with force', async () => {
    const id = await mcp.start("trap '' TERM; echo up; while :; do sleep 0.1; done");
    await waitForOutput(id, 'up');
    const ms = await elapsedMs(async () => {
      await mcp.cancel(id, { force: true });
      const status = await mcp.ended(id);
      assert.deepEqual([status.status, status.exit_code, status.signal], ['cancelled', -9, 'SIGKILL']);
    });
    assert.ok(ms < 2000 * slowness, `${ms} ms`);
  });

  test('with a signal only sends it', async () => {
    const id = await mcp.start("trap 'echo caught' USR1; echo up; while :; do sleep 0.05; done");
    await waitForOutput(id, 'up');
    await mcp.cancel(id, { signal: 'SIGUSR1' });
    await waitForOutput(id, 'caught');
    assert.equal((await mcp.status(id)).status, 'running');
    await mcp.cancel(id, { force: true });
  });

  test('refuses a signal that there is not', async () => {
    const id = await mcp.start('sleep 600');
    assert.match(await refused('cancel_execution', { execution_id: id, signal: 'SIGNONE' }), /signal/i);
    await mcp.cancel(id, { force: true });
  });

  test('of what has ended says that it was not running', async () => {
    const { execution_id } = await mcp.run('true');
    const result = await mcp.call('cancel_execution', { execution_id });
    assert.match(result.content[0].text, /was_running":\s*false|already completed/);
    assert.equal((await mcp.status(execution_id)).status, 'completed');
  });

  test('of an unknown execution is refused', async () => {
    assert.match(await refused('cancel_execution', { execution_id: UNKNOWN }), /Execution not found/);
  });
});

describe('get_execution_status', () => {
  test('of a running execution has what the contract names', async () => {
    const id = await mcp.start('echo x; sleep 600', { interactive: true });
    await waitForOutput(id, 'x');
    const s = await mcp.status(id);
    assert.equal(s.id, id);
    assert.equal(s.status, 'running');
    assert.equal(s.command, 'echo x; sleep 600');
    assert.equal(s.interactive, true);
    assert.ok(Math.abs(asTime(s.started_at) - Date.now()) < 60_000, `started_at ${s.started_at}`);
    for (const key of ['completed_at', 'exit_code', 'error_message']) assert.equal(s[key], null, key);
    assert.equal(s.bytes_out, 2);
    assert.ok(s.replica.length > 0);
    assert.ok(Math.abs(asTime(s.last_output_at) - Date.now()) < 60_000);
    await mcp.cancel(id, { force: true });
    const end = await mcp.ended(id);
    assert.ok(asTime(end.completed_at) >= asTime(end.started_at));
  });

  test('of an unknown execution is refused', async () => {
    assert.match(await mcp.refusal('get_execution_status', { execution_id: UNKNOWN }), /Execution not found/);
    assert.match(await mcp.refusal('get_execution_output', { execution_id: UNKNOWN }), /Execution not found/);
    assert.match(await mcp.refusal('get_execution_status', { execution_id: '../../etc' }), /Execution not found|execution_id/);
  });

  test('has checksums of more than 16 MiB only when asked for', async () => {
    const { execution_id } = await mcp.run('head -c 20000000 /dev/zero');
    assert.equal((await mcp.status(execution_id)).stdout_sha256 ?? null, null);
    const s = await mcp.tool('get_execution_status', { execution_id, checksum: true });
    assert.equal(s.stdout_sha256, createHash('sha256').update(Buffer.alloc(20_000_000)).digest('hex'));
  });
});

// Times are told as seconds with fraction or as ISO 8601 text.
function asTime(value) {
  return typeof value === 'number' ? value * 1000 : Date.parse(value);
}

describe('list_executions', () => {
  const idsOf = (list) => list.executions.map((e) => e.id);

  test('has the newest first, page by page', async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) ids.unshift((await mcp.run(`echo ${i}`)).execution_id);
    const first = await mcp.tool('list_executions', { limit: 2 });
    assert.deepEqual(idsOf(first), ids.slice(0, 2));
    const cursor = first.next_cursor;
    const second = await mcp.tool('list_executions', { limit: 2, cursor });
    assert.deepEqual(idsOf(second), ids.slice(2, 4));
  });

  test('has those of one status', async () => {
    const id = await mcp.start('sleep 600');
    const running = await mcp.tool('list_executions', { status: 'running' });
    assert.deepEqual(idsOf(running), [id]);
    assert.equal(running.executions[0].status, 'running');
    await mcp.cancel(id, { force: true });
    await mcp.ended(id);
    assert.ok(idsOf(await mcp.tool('list_executions', { status: 'cancelled' })).includes(id));
  });

  test('has those of the session for older clients', async () => {
    const mine = await new Legacy(server).open();
    const other = await new Legacy(server).open();
    const { execution_id } = await mine.run('true');
    await other.run('true');
    assert.deepEqual(idsOf(await mine.tool('list_executions')), [execution_id]);
  });

  test('refuses a cursor and a status that are none', async () => {
    assert.match(await mcp.refusal('list_executions', { cursor: '???' }), /cursor/);
    assert.match(await mcp.refusal('list_executions', { status: 'asleep' }), /status/);
    assert.match(await mcp.refusal('list_executions', { limit: 0 }), /limit/);
  });
});
