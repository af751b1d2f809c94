// Every reason for which an execution can end, and what sandbox_config may ask for.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Modern, textOf } from './lib/mcp.mjs';
import { isAlive, processesWith } from './lib/processes.mjs';
import { Server, useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

const server = await useServer(null, {
  config: `
limits:
  max_output: 1MiB
  max_memory: 2GiB
  max_cpu: 60s
  max_file: 64MiB
  max_processes: 0
`,
});
const mcp = new Modern(server);
const limited = (resource_limits) => ({ sandbox_config: { resource_limits } });

describe('reason', () => {
  test('idle_timeout ends what neither writes nor reads, and nothing else', async (t) => {
    const idle = new Modern(await useServer(t, { config: 'limits:\n  idle_timeout: 2s\n' }));
    const talks = idle.run('for i in 1 2 3 4 5 6; do echo $i; sleep 0.6; done');
    const r = await idle.run('echo begin; sleep 600');
    assert.deepEqual([r.status, r.reason], ['timeout', 'idle_timeout']);
    assert.ok(r.usage.wall_ms >= 1900 && r.usage.wall_ms < 15_000, `${r.usage.wall_ms} ms`);
    assert.deepEqual([(await talks).status, (await talks).reason], ['completed', 'exited']);
  });

  test('output_limit ends what writes too much, and says so', async () => {
    const r = await mcp.run('yes');
    assert.deepEqual([r.status, r.reason], ['failed', 'output_limit']);
    const event = r.output.find((e) => e.type === 'resource_limit');
    assert.equal(event.reason, 'output_limit');
    const { bytes_out } = await mcp.status(r.execution_id);
    assert.ok(bytes_out >= 1 << 20 && bytes_out < (1 << 20) + (1 << 18), `${bytes_out} bytes`);
  });

  test('cpu_limit ends what computes too long', async () => {
    const r = await mcp.run('while :; do :; done', { ...limited({ max_cpu_seconds: 1 }), timeout_seconds: 60 });
    assert.deepEqual([r.status, r.reason], ['failed', 'cpu_limit']);
    // The kernel counts ticks for the limit and nanoseconds for the usage: they differ under load.
    const cpuMs = r.usage.user_ms + r.usage.system_ms;
    assert.ok(cpuMs >= 500, `${cpuMs} ms`);
  });

  test('file_size_limit ends what makes a file too big', async () => {
    const r = await mcp.run('exec head -c 3000000 /dev/zero > big', limited({ max_file_size_mb: 1 }));
    assert.deepEqual([r.status, r.reason], ['failed', 'file_size_limit']);
  });

  test('spawn_failed is told when the command can not be started', async (t) => {
    const own = await useServer(t, { config: 'exec:\n  shell: /bin/sh\n' });
    const caller = new Modern(own);
    const result = await caller.call('execute_code', { command: 'true', working_directory: '/proc/1/no-such' });
    if (result.isError) return assert.match(result.content[0].text, /working_directory/);
    assert.deepEqual([result.structuredContent.status, result.structuredContent.reason], ['failed', 'spawn_failed']);
    const status = await caller.status(result.structuredContent.execution_id);
    assert.match(status.error_message, /no-such|directory/i);
  });

  test('shutdown is told of what ran when the server was stopped', async (t) => {
    const first = new Server();
    t.after(() => first.stop());
    await first.start();
    const id = await new Modern(first).start('echo up; sleep 600');
    first.signal('SIGINT');
    assert.deepEqual(await first.exit, { code: 0, signal: null });
    await first.start();
    const s = await new Modern(first).status(id);
    assert.equal(s.reason, 'shutdown');
    assert.ok(['cancelled', 'failed'].includes(s.status), s.status);
  });

  test('lost is told of what ran when the keeper was killed', async (t) => {
    const own = await useServer(t);
    const caller = new Modern(own);
    const id = await caller.start(`echo up; exec sleep 600.${process.pid}`);
    await caller.output(id, { wait_ms: 5000, until: 'up' });
    const [{ pid }] = await until('the command to run', () => {
      const found = processesWith(`sleep 600.${process.pid}`);
      return found.length > 0 && found;
    });
    process.kill(own.keeperPid(), 'SIGKILL');
    const s = await caller.ended(id);
    assert.deepEqual([s.status, s.reason], ['lost', 'lost']);
    await until('the command to end with its keeper', () => !isAlive(pid));
    assert.equal(textOf((await caller.output(id)).output), 'up\n');
    assert.equal((await caller.run('echo new keeper')).exit_code, 0);
  });
});

describe('sandbox_config', () => {
  const ulimits = async (sandbox_config) =>
    textOf((await mcp.run('ulimit -v; ulimit -t; ulimit -f', { sandbox_config })).output).trim().split('\n');

  // Memory is limited by a cgroup where one can be made, else for each process.
  const assertMemory = async (kib, mib) => {
    const { usage } = await mcp.run(':', limited({ max_memory_mb: mib }));
    if (usage.memory_limit_bytes === undefined) return assert.equal(kib, String(mib * 1024));
    assert.equal(usage.memory_limit_bytes, mib << 20);
    assert.equal(kib, 'unlimited');
  };

  test('narrows memory, time and file size', async () => {
    const limits = { max_memory_mb: 512, max_cpu_seconds: 7, max_file_size_mb: 3 };
    const [memory, cpu, file] = await ulimits({ resource_limits: limits });
    await assertMemory(memory, 512);
    assert.equal(cpu, '7');
    assert.equal(file, String((3 << 20) / 512)); // sh counts blocks of 512 bytes
  });

  test('may be written in camelCase', async () => {
    const [memory, cpu, file] = await ulimits({
      resourceLimits: { maxMemoryMb: 512, maxCpuSeconds: 7, maxFileSizeMb: 3 },
    });
    await assertMemory(memory, 512);
    assert.deepEqual([cpu, file], ['7', String((3 << 20) / 512)]);
  });

  test('never widens what the configuration grants, and names the key that would', async () => {
    for (const [limit, key] of [
      [{ max_memory_mb: 4096 }, 'limits.max_memory'],
      [{ max_cpu_seconds: 100 }, 'limits.max_cpu'],
      [{ max_file_size_mb: 100 }, 'limits.max_file'],
    ]) {
      const text = await mcp.refusal('execute_code', { command: ':', ...limited(limit) });
      assert.ok(text.includes(key), text);
    }
  });

  test('with a key that there is not is refused', async () => {
    assert.match(await mcp.refusal('execute_code', { command: ':', ...limited({ max_fun: 1 }) }), /max_fun/);
  });

  test('limits processes', async (t) => {
    const r = await mcp.run('for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait', limited({ max_processes: 3 }));
    if (r.usage.forks_refused === undefined && process.getuid() === 0)
      return t.skip('there is no pids controller, and RLIMIT_NPROC does not hold for root');
    assert.match(textOf(r.output, 'stderr'), /fork|resource/i);
  });
});
