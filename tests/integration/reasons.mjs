// Every reason for which an execution can end (contract 1.1), each by a real program, and what the
// others notice meanwhile.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Modern, textOf } from './lib/mcp.mjs';
import { Server, program, useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

const MIB = 1 << 20;
const server = await useServer(null, {
  config: `
limits:
  max_output: 1MiB
  max_memory: 256MiB
  max_cpu: 60s
  max_file: 64MiB
  max_processes: 64
`,
});
const mcp = new Modern(server);
const limited = (resource_limits) => ({ sandbox_config: { resource_limits } });
const ready = await (await server.get('/health/ready')).json();
const holds = ready.limits;

const seen = new Set();
// The answer of an execution that ended, checked: what, why, and the status that goes with it.
function assertEnded(r, status, reason) {
  assert.deepEqual([r.status, r.reason], [status, reason], JSON.stringify(r));
  seen.add(reason);
  return r;
}

describe('reason', () => {
  test('exited: by itself, whatever the code', async () => {
    assert.equal(assertEnded(await mcp.run('exit 7'), 'completed', 'exited').exit_code, 7);
  });

  test('signaled: by a signal that nobody here sent', async () => {
    const r = assertEnded(await mcp.run('kill -USR1 $$'), 'completed', 'signaled');
    assert.deepEqual([r.exit_code, r.signal], [-10, 'SIGUSR1']);
  });

  test('timeout, with the time that was over', async () => {
    const r = assertEnded(await mcp.run('sleep 600', { timeout_seconds: 1 }), 'timeout', 'timeout');
    assert.equal(r.output.find((e) => e.type === 'timeout').timeout_seconds, 1);
  });

  test('idle_timeout, of what neither writes nor reads', async (t) => {
    const idle = new Modern(await useServer(t, { config: 'limits:\n  idle_timeout: 1s\n' }));
    assertEnded(await idle.run('echo begin; sleep 600'), 'timeout', 'idle_timeout');
  });

  test('cancelled', async () => {
    const id = await mcp.start('sleep 600');
    await mcp.tool('cancel_execution', { execution_id: id });
    assertEnded(await mcp.ended(id), 'cancelled', 'cancelled');
  });

  test('oom, with the limit and the most that was used', async (t) => {
    if (holds.memory !== 'tree') return t.skip('there is no memory cgroup that the keeper may use');
    const hog = 'head -c 300000000 /dev/zero | tail -c 250000000 >/dev/null';
    const r = assertEnded(await mcp.run(hog, limited({ max_memory_mb: 64 })), 'failed', 'oom');
    assert.equal(r.usage.memory_limit_bytes, 64 * MIB);
    assert.ok(r.usage.memory_peak_bytes > 60 * MIB && r.usage.memory_peak_bytes <= 64 * MIB, JSON.stringify(r.usage));
    assert.ok(r.usage.oom_kills >= 1);
    assert.match(r.error_message, /64\.0 MiB.*max_memory/);
    const { events } = await eventsOf(r);
    const event = events.find((e) => e.type === 'resource_limit');
    assert.deepEqual([event.reason, event.limit_bytes], ['oom', 64 * MIB]);
    assert.equal(event.peak_bytes, r.usage.memory_peak_bytes);
  });

  test('cpu_limit, of one process', async () => {
    const r = await mcp.run('while :; do :; done', limited({ max_cpu_seconds: 1 }));
    assertEnded(r, 'failed', 'cpu_limit');
  });

  test('cpu_limit, of a tree none of whose processes lives long', async (t) => {
    if (holds.cpu !== 'tree') return t.skip('there is no cgroup that counts CPU time');
    const tree = "while :; do sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done'; done";
    const r = await mcp.run(tree, { ...limited({ max_cpu_seconds: 1 }), timeout_seconds: 60 });
    assertEnded(r, 'failed', 'cpu_limit');
    assert.ok(r.usage.wall_ms < 30_000, `${r.usage.wall_ms} ms`);
  });

  test('file_size_limit, of what fills the disk', async () => {
    const r = await mcp.run('exec head -c 300000000 /dev/zero > big', limited({ max_file_size_mb: 1 }));
    assertEnded(r, 'failed', 'file_size_limit');
  });

  test('output_limit', async () => {
    const r = assertEnded(await mcp.run('yes'), 'failed', 'output_limit');
    assert.equal(r.output.find((e) => e.type === 'resource_limit').reason, 'output_limit');
  });

  test('spawn_failed, of what can not be run', async (t) => {
    const caller = new Modern(await useServer(t, { config: 'exec:\n  shell: /etc/passwd\n' }));
    const r = assertEnded(await caller.run('true'), 'failed', 'spawn_failed');
    assert.match(r.error_message, /passwd/);
  });

  test('shutdown, and lost', async (t) => {
    const first = new Server();
    t.after(() => first.stop());
    await first.start();
    const stopped = await new Modern(first).start('sleep 600');
    first.signal('SIGINT');
    await first.exit;
    await first.start();
    const caller = new Modern(first);
    assertEnded(await caller.ended(stopped), 'cancelled', 'shutdown');
    const lost = await caller.start('sleep 600');
    process.kill(first.keeperPid(), 'SIGKILL');
    assertEnded(await caller.ended(lost), 'lost', 'lost');
  });

  test('there is no other', async () => {
    const tools = (await mcp.request('tools/list', {})).result.tools;
    const all = tools.find((tool) => tool.name === 'get_execution_status').outputSchema.properties.reason;
    const names = (all.enum ?? all.anyOf.flatMap((s) => s.enum ?? [])).filter((name) => name !== null);
    const skipped = holds.memory === 'tree' ? [] : ['oom'];
    assert.deepEqual(names.filter((name) => !seen.has(name)), skipped);
  });
});

// getpid by the 32-bit gate, then exit(0) by the 64-bit one: 64-bit programs may do both.
const MIXED = Buffer.from(
  '7f454c46020101000000000000000000' + // ELF, 64-bit, little-endian
    '02003e00010000007800400000000000' + // executable, x86-64, entry 0x400078
    '40000000000000000000000000000000' +
    '00000000400038000100000000000000' +
    '01000000050000000000000000000000' + // one segment, readable and executable
    '00004000000000000000400000000000' +
    '87000000000000008700000000000000' +
    '0010000000000000' +
    'b814000000cd80' + // mov eax, 20; int 0x80
    '31ffb03c0f0590', // xor edi, edi; mov al, 60; syscall
  'hex',
);

test('a system call that ends a sandboxed command is a violation', async (t) => {
  if (process.arch !== 'x64') return t.skip('the program is one for x86-64');
  const r = await mcp.run(`echo ${MIXED.toString('base64')} | base64 -d >x; chmod +x x; exec ./x`);
  if (r.signal === 'SIGSEGV') return t.skip('this kernel has no 32-bit system calls');
  assert.deepEqual([r.reason, r.signal], ['signaled', 'SIGSYS'], JSON.stringify(r));
  const { events } = await eventsOf(r);
  const event = events.find((e) => e.type === 'violation');
  assert.equal(event.reason, 'system_call');
  assert.match(event.message, /SIGSYS/);
});

// All events of an execution, by cursor.
async function eventsOf({ execution_id }) {
  const r = await mcp.output(execution_id);
  return { events: r.output };
}

// The longest of the polls of another execution that are made while `work` lasts.
async function slowestPoll(work) {
  const id = await mcp.start('while :; do echo tick; sleep 0.05; done');
  let done = false;
  const ended = work.finally(() => (done = true));
  let slowest = 0;
  let polls = 0;
  for (; !done; polls++) {
    const begin = performance.now();
    await mcp.output(id);
    slowest = Math.max(slowest, performance.now() - begin);
  }
  await mcp.tool('cancel_execution', { execution_id: id, force: true });
  assert.ok(polls > 0);
  return { slowest, polls, r: await ended };
}

describe('one that takes all it can get', () => {
  // Far above what is measured (some ms), far below a poll that waits for the other one to end.
  const BOUND_MS = 1500;

  test('a fork bomb is held, is told, and leaves nothing', async (t) => {
    if (holds.processes !== 'tree') return t.skip('there is no pids cgroup that the keeper may use');
    const bomb = 'bomb() { bomb & bomb; }; bomb 2>/dev/null';
    const { r, slowest } = await slowestPoll(mcp.run(bomb, { timeout_seconds: 2 }));
    assert.ok(['timeout', 'completed', 'failed'].includes(r.status), r.status);
    assert.ok(r.usage.forks_refused > 0, JSON.stringify(r.usage));
    const { events } = await eventsOf(r);
    const event = events.find((e) => e.type === 'resource_limit');
    assert.equal(event.reason, 'processes');
    assert.match(event.message, /EAGAIN.* 64 processes.*limits\.max_processes/);
    assert.ok(slowest < BOUND_MS, `a poll took ${slowest} ms`);
    await until('no process of it to be left', async () => (await mcp.run('true')).exit_code === 0);
  });

  for (const [what, command, reason, limits] of [
    ['memory', 'head -c 900000000 /dev/zero | tail -c 800000000 >/dev/null', 'oom', { max_memory_mb: 128 }],
    ['disk', 'exec head -c 900000000 /dev/zero > big', 'file_size_limit', { max_file_size_mb: 32 }],
    ['CPU', 'for i in 1 2 3 4; do while :; do :; done & done; wait', 'cpu_limit', { max_cpu_seconds: 2 }],
  ])
    test(`${what} ends with its reason, while others are answered`, async (t) => {
      if (reason === 'oom' && holds.memory !== 'tree') return t.skip('there is no memory cgroup');
      if (reason === 'cpu_limit' && holds.cpu !== 'tree') return t.skip('there is no cgroup that counts CPU time');
      const { r, slowest } = await slowestPoll(mcp.run(command, { ...limited(limits), timeout_seconds: 60 }));
      assert.equal(r.reason, reason, JSON.stringify(r));
      assert.ok(slowest < BOUND_MS, `a poll took ${slowest} ms`);
    });
});

describe('where limits hold for each process only', () => {
  // A keeper that was told to make no cgroups stands for a machine that has none.
  const script = join(tmpdir(), `mcp-execd-weak-keeper-${process.pid}`);
  const weak = (config) => ({ config: `exec:\n  keeper: ${script}\n${config}` });

  before(() =>
    writeFileSync(script, `#!/bin/sh\nexec '${join(dirname(program), 'mcp-exec-keeper')}' --no-cgroup "$@"\n`, {
      mode: 0o755,
    }),
  );
  after(() => rmSync(script));

  test('health says so, and so does an execution that asked for one', async (t) => {
    const own = await useServer(t, weak('limits:\n  max_memory: 1GiB\n'));
    const { status, limits, note } = await (await own.get('/health/ready')).json();
    assert.equal(status, 'ready');
    assert.deepEqual(limits, { memory: 'process', processes: 'user', cpu: 'process' });
    assert.match(note, /memory limit holds for each process/);
    const caller = new Modern(own);
    const quiet = await caller.run('ulimit -v');
    assert.ok(!quiet.output.some((e) => e.type === 'resource_limit'));
    assert.equal(textOf(quiet.output), `${1024 * 1024}\n`);
    const id = await caller.start('ulimit -v; sleep 0.2', limited({ max_memory_mb: 512 }));
    await caller.ended(id);
    const { output } = await caller.output(id);
    assert.equal(textOf(output), `${512 * 1024}\n`);
    assert.match(output.find((e) => e.type === 'resource_limit').message, /memory limit holds for each process/);
  });

  test('limits.require_tree starts nothing there', async (t) => {
    const config = weak('limits:\n  max_memory: 1GiB\n  require_tree: true\n');
    const own = await useServer(t, { ...config, readyStatus: 503 });
    const note = await until('the keeper to say what it can', async () => {
      const reply = await own.get('/health/ready');
      assert.equal(reply.status, 503);
      return (await reply.json()).note;
    });
    assert.match(note, /memory/);
    const r = await new Modern(own).run('true');
    assert.equal(r.reason, 'spawn_failed');
    assert.match(r.error_message, /limits\.require_tree/);
  });
});
