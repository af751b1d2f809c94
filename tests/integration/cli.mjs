// Flags, configuration and signals, as an operator meets them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Modern, textOf } from './lib/mcp.mjs';
import { processesWith } from './lib/processes.mjs';
import { Server, program, useServer } from './lib/server.mjs';
import { until, within } from './lib/until.mjs';

function run(args, env = {}) {
  const kept = { PATH: process.env.PATH, HOME: tmpdir(), ASAN_OPTIONS: process.env.ASAN_OPTIONS };
  const result = spawnSync(program, args, { env: { ...kept, ...env }, encoding: 'utf8', timeout: 20_000 });
  return { status: result.status, out: result.stdout, err: result.stderr };
}

function yamlFile(t, text) {
  const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-cli-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'config.yaml');
  writeFileSync(file, text);
  return file;
}

describe('the command line', () => {
  test('--help names every flag of the contract', () => {
    const r = run(['--help']);
    assert.equal(r.status, 0);
    for (const flag of [
      '--config', '--check-config', '--print-config', '--redis-url', '--token', '-t', '--host', '--port', '-p',
      '--max-concurrent', '--max-per-session', '--timeout', '--log-file', '--replica-id', '--state-dir',
      '--insecure', '--version',
    ])
      assert.ok(r.out.includes(flag), flag);
  });

  test('--version tells the version', () => {
    const r = run(['--version']);
    assert.equal(r.status, 0);
    assert.match(r.out, /\d+\.\d+\.\d+/);
  });

  test('--print-config tells what is in force, flags over environment over file, secrets masked', (t) => {
    const file = yamlFile(t, 'server:\n  port: 1111\nlimits:\n  max_concurrent: 7\n  timeout: 11s\n');
    const r = run(
      ['--config', file, '--print-config', '--port', '3333'],
      { SANDBOX_PORT: '2222', SANDBOX_MAX_CONCURRENT: '8', SANDBOX_AUTH_TOKEN: 'hide-me', REDIS_URL: '' },
    );
    assert.equal(r.status, 0, r.err);
    assert.match(r.out, /port: 3333/);
    assert.match(r.out, /max_concurrent: 8/);
    assert.match(r.out, /timeout: 11s/);
    assert.ok(!r.out.includes('hide-me'));
  });

  test('--check-config accepts a good file and says nothing bad', (t) => {
    const r = run(['--check-config', '--config', yamlFile(t, 'limits:\n  max_concurrent: 3\n')]);
    assert.deepEqual([r.status, r.err], [0, '']);
  });
});

describe('bad configuration', () => {
  const file = (text, ...parts) => ({ text, parts });
  const cases = {
    'an unknown key': file('limits:\n  max_concurent: 3\n', 'config.yaml:2', 'max_concurent', 'max_concurrent'),
    'a wrong size': file('server:\n  max_body: 64X\n', 'config.yaml:2', '64X'),
    'a number out of bounds': file('server:\n  port: 70000\n', 'config.yaml:2', 'port'),
    'a wrong type': file('server: [1]\n', 'config.yaml:1', 'server'),
    'a key said twice': file('server:\n  port: 1\n  port: 2\n', 'config.yaml:3', 'port'),
    'what is no YAML': file('server: {\n', 'config.yaml'),
  };
  for (const [what, { text, parts }] of Object.entries(cases))
    test(`${what} is told with file and line, exit 2`, (t) => {
      const r = run(['--check-config', '--config', yamlFile(t, text)]);
      assert.equal(r.status, 2, r.err);
      for (const part of parts) assert.ok(r.err.includes(part), `"${part}" is not in: ${r.err}`);
    });

  const flags = [
    ['an unknown flag', ['--no-such-flag'], '--no-such-flag'],
    ['a flag without its value', ['--port'], '--port'],
    ['a port that is none', ['--port', 'http'], 'http'],
    ['a file that is not there', ['--config', '/no/such.yaml'], '/no/such.yaml'],
    ['an argument too many', ['serve'], 'serve'],
    ['another address than loopback without a token', ['--host', '0.0.0.0'], '--insecure'],
  ];
  for (const [what, args, part] of flags)
    test(`${what} is told, exit 2`, () => {
      const r = run(args);
      assert.equal(r.status, 2, r.err);
      assert.ok(r.err.includes(part), r.err);
    });

  test('of a variable is told by its name', () => {
    const r = run(['--check-config'], { SANDBOX_PORT: 'x' });
    assert.equal(r.status, 2);
    assert.ok(r.err.includes('SANDBOX_PORT'), r.err);
  });
});

describe('a taken port', () => {
  test('ends the start with 1 and says what to do', async (t) => {
    const server = await useServer(t);
    const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-second-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const r = run(['--port', String(server.port), '--state-dir', dir, '--log-file', '']);
    assert.equal(r.status, 1, r.err);
    assert.ok(r.err.includes(String(server.port)), r.err);
    assert.match(r.err, /--port/);
    await until('its keeper to end', () => processesWith(dir).length === 0);
  });
});

describe('a signal', () => {
  // A server that the test ends itself; what is left goes with its directory.
  async function started(t, options) {
    const server = new Server(options);
    t.after(() => server.remove());
    await server.start();
    return server;
  }

  test('INT ends it now: running executions are cancelled, no process stays', async (t) => {
    const server = await started(t);
    await new Modern(server).start('sleep 600');
    server.signal('SIGINT');
    assert.deepEqual(await within('the end', 10_000, server.exit), { code: 0, signal: null });
    await until('all processes to end', () => processesWith(server.stateDir).length === 0);
  });

  test('TERM drains: work under way is finished, new work is refused', async (t) => {
    const server = await started(t);
    const mcp = new Modern(server);
    const call = mcp.run('echo begin; sleep 1; echo end');
    await until('it to run', async () => (await mcp.tool('list_executions', { status: 'running' })).executions[0]);
    server.signal('SIGTERM');
    const r = await within('the call', 10_000, call);
    assert.equal(textOf(r.output), 'begin\nend\n');
    assert.deepEqual(await within('the end', 10_000, server.exit), { code: 0, signal: null });
    await until('all processes to end', () => processesWith(server.stateDir).length === 0);
  });

  test('TERM ends within the drain timeout also with a stuck command', async (t) => {
    const server = await started(t, { config: 'server:\n  drain_timeout: 1s\n' });
    const call = new Modern(server).run('sleep 600').catch(() => null);
    const mcp = new Modern(server);
    await until('it to run', async () => (await mcp.tool('list_executions', { status: 'running' })).executions[0]);
    server.signal('SIGTERM');
    assert.deepEqual(await within('the end', 15_000, server.exit), { code: 0, signal: null });
    await call;
    await until('all processes to end', () => processesWith(server.stateDir).length === 0);
  });

  test('USR2 hands over: the next server goes on with what runs', async (t) => {
    const server = new Server();
    t.after(() => server.stop());
    await server.start();
    const mcp = new Modern(server);
    const id = await mcp.start('echo begin; sleep 1.5; echo end; exit 9');
    server.signal('SIGUSR2');
    assert.deepEqual(await within('the end', 10_000, server.exit), { code: 0, signal: null });
    await server.start();
    const status = await mcp.ended(id);
    assert.deepEqual([status.status, status.exit_code], ['completed', 9]);
    assert.equal(textOf((await mcp.output(id)).output), 'begin\nend\n');
  });

  test('HUP reloads and keeps what runs', async (t) => {
    const server = await useServer(t, { config: 'limits:\n  max_concurrent: 2\n' });
    const mcp = new Modern(server);
    const id = await mcp.start('sleep 600');
    server.signal('SIGHUP');
    await until('the reload to be logged', () => /reload/i.test(server.log));
    assert.equal((await mcp.status(id)).status, 'running');
    await mcp.cancel(id, { force: true });
  });

  test('PIPE does not end it', async (t) => {
    const server = await useServer(t);
    server.signal('SIGPIPE');
    assert.equal((await new Modern(server).run('true')).exit_code, 0);
  });
});
