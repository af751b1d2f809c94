// The MCP Inspector on the command line, in both eras: what README tells people to type.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { Modern, textOf } from './lib/mcp.mjs';
import { environment, program, useServer } from './lib/server.mjs';
import { within } from './lib/until.mjs';

const launcher = fileURLToPath(
  new URL('node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js', import.meta.url),
);
const server = await useServer(null, { args: ['--set', 'tasks.sync_wait=100ms', '--set', 'tasks.poll_interval=50ms'] });

// Its exit status and what it printed.
async function run(...args) {
  const child = spawn(process.execPath, [launcher, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: server.stateDir },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
  const status = await within('the Inspector', 60_000, new Promise((done) => child.on('close', done)));
  return { status, out, err };
}

const inspect = (era, ...args) =>
  run('--cli', server.endpoint, '--transport', 'http', '--protocol-era', era, '--quiet', ...args);

async function result(era, ...args) {
  const { status, out, err } = await inspect(era, ...args);
  assert.equal(status, 0, err.slice(-2000));
  return JSON.parse(out);
}

for (const era of ['legacy', 'modern']) {
  test(`it lists and calls in the ${era} era`, async () => {
    const tools = await result(era, '--method', 'tools/list');
    assert.ok(tools.tools.some(({ name }) => name === 'execute_code'));
    const call = ['--method', 'tools/call', '--tool-name', 'execute_code', '--tool-arg'];
    const quick = await result(era, ...call, 'command=echo hello');
    assert.equal(textOf(quick.structuredContent.output), 'hello\n');
    // Longer than the wait: in the modern era this is a task, which it follows to its end.
    const slow = await result(era, ...call, 'command=sleep 0.5; echo slow; exit 3');
    assert.equal(slow.structuredContent.exit_code, 3);
    const id = slow.structuredContent.execution_id;
    const read = await result(era, '--method', 'resources/read', '--uri', `exec://${id}/output`);
    assert.equal(read.contents[0].text, 'slow\n');
    const { prompts } = await result(era, '--method', 'prompts/list');
    assert.ok(prompts.length > 0);
  });
}

test('it runs one for itself, over stdin and stdout', async () => {
  const file = join(server.stateDir, 'mcp.json');
  const exec = { command: program, args: ['--stdio'], env: environment(server.stateDir, { TMPDIR: server.stateDir }) };
  writeFileSync(file, JSON.stringify({ mcpServers: { exec } }));
  const how = ['--config', file, '--server', 'exec', '--method', 'tools/call'];
  const { status, out, err } = await run('--cli', ...how, '--tool-name', 'execute_code', '--tool-arg', 'command=echo here');
  assert.equal(status, 0, err.slice(-2000));
  assert.match(out, /here/);
});

test('it finds no error in the schemas of the tools', async () => {
  const { status, err } = await inspect('legacy', '--method', 'tools/list', '--strict');
  assert.equal(status, 0, err.slice(-2000));
});

test('what it ran is there for others', async () => {
  const { executions } = await new Modern(server).tool('list_executions');
  assert.ok(executions.length >= 4);
});
