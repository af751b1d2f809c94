// The log says what happened and nothing that is nobody's business.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Legacy, Modern, textOf } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

function logDir(t) {
  const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-log-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

const logOf = (dir) => readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8')).join('');

test('has no token, body, environment value, input or output of a command', async (t) => {
  const dir = logDir(t);
  const token = 'token-that-nobody-may-see';
  const server = await useServer(t, {
    args: ['--token', token, '--log-file', join(dir, 'log')],
    config: 'log:\n  level: debug\n',
  });
  const mcp = new Modern(server, { token });
  await mcp.run('echo "$SECRET_NAME"; echo output-that-nobody-may-see', {
    environment: { SECRET_NAME: 'value-that-nobody-may-see' },
  });
  const id = await mcp.start('read x', { interactive: true });
  await mcp.stdin(id, 'input-that-nobody-may-see');
  await mcp.ended(id);
  await mcp.post('{"body-that-nobody-may-see"');
  await new Modern(server, { token: 'wrong-token-that-nobody-may-see' }).request('server/discover');
  await new Legacy(server, { token }).open();
  const log = logOf(dir) + server.log;
  assert.match(log, /execution_ended/);
  assert.ok(log.includes(id), 'the log does not name the execution');
  const secret = /[^\n]*that-nobody-may-see[^\n]*/.exec(log);
  assert.equal(secret, null, secret?.[0]);
});

test('is not the only place without the token: no process shows it', async (t) => {
  const token = 'token-that-nobody-may-see';
  const server = await useServer(t, { env: { SANDBOX_AUTH_TOKEN: token } });
  const mcp = new Modern(server, { token });
  const r = await mcp.run(`cat /proc/${server.pid}/environ /proc/${server.keeperPid()}/environ; env`);
  assert.match(textOf(r.output), /PATH=/);
  assert.ok(!textOf(r.output).includes(token));
});

test('can not be forged by what a client sends', async (t) => {
  const dir = logDir(t);
  const server = await useServer(t, {
    args: ['--log-file', join(dir, 'log')],
    config: 'log:\n  level: debug\n',
  });
  const old = new Legacy(server);
  await old.request('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'evil\n2026-01-01 info forged line=1', version: '\u001b[31m' },
  });
  const log = logOf(dir);
  assert.ok(!/^2026-01-01 info forged/m.test(log), log);
  assert.ok(!log.includes('\u001b'));
});

test('is JSON, one object a line, when asked for', async (t) => {
  const dir = logDir(t);
  const server = await useServer(t, {
    args: ['--log-file', join(dir, 'log')],
    config: 'log:\n  format: json\n',
  });
  await new Modern(server).run('true');
  const lines = logOf(dir).trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.ok(lines.some((line) => Object.values(line).includes('execution_ended')));
});

test('is rotated by size', async (t) => {
  const dir = logDir(t);
  const file = join(dir, 'log');
  const server = await useServer(t, {
    args: ['--log-file', file],
    config: 'log:\n  level: debug\n  max_size: 16KiB\n',
  });
  const mcp = new Modern(server);
  for (let i = 0; i < 200 && readdirSync(dir).length < 2; i++) await mcp.run('true');
  const names = readdirSync(dir);
  assert.ok(names.length >= 2, names.join());
  assert.ok(existsSync(file));
  for (const name of names) assert.ok(statSync(join(dir, name)).size <= 20_000, name);
});

test('goes on in a new file when the old one was moved away and HUP came', async (t) => {
  const dir = logDir(t);
  const file = join(dir, 'log');
  const server = await useServer(t, { args: ['--log-file', file] });
  renameSync(file, join(dir, 'log.moved'));
  server.signal('SIGHUP');
  await until('the new file', () => existsSync(file));
  const { execution_id } = await new Modern(server).run('true');
  assert.ok(readFileSync(file, 'utf8').includes(execution_id));
});
