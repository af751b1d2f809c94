// Clients that do not read, and commands that do not: they hold nothing up but themselves.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { Modern, MODERN, readAll } from '../integration/lib/mcp.mjs';
import { useServer } from '../integration/lib/server.mjs';
import { until } from '../integration/lib/until.mjs';

const rssBytes = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

// Sends a request and never reads what comes back.
async function deafRequest(server, body, method) {
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  socket.on('error', () => {}); // the server may cut it off
  await once(socket, 'connect');
  socket.pause();
  const text = JSON.stringify(body);
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: application/json\r\n` +
      `Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: ${MODERN}\r\n` +
      `Mcp-Method: ${method}\r\nMcp-Name: ${body.params.uri ?? body.params.name}\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

test('clients that never read are cut off, cost little memory, and nobody else waits', async (t) => {
  const server = await useServer(t, { config: 'server:\n  write_timeout: 2s\n  max_stream_buffer: 64KiB\n' });
  const mcp = new Modern(server);
  const { execution_id } = await mcp.run('seq 1 3000000', { output: { max_bytes: 100 } });
  const before = rssBytes(server.pid);
  const sockets = [];
  t.after(() => sockets.forEach((s) => s.destroy()));
  for (let i = 0; i < 30; i++) {
    const args = { execution_id, output: { max_bytes: 1048576 } };
    const body = mcp.message('tools/call', { name: 'get_execution_output', arguments: args });
    sockets.push(await deafRequest(server, body, 'tools/call'));
  }
  for (let i = 0; i < 20; i++) assert.equal((await mcp.run('echo quick')).exit_code, 0);
  const grown = rssBytes(server.pid) - before;
  assert.ok(grown < 300 << 20, `grew by ${grown >> 20} MiB`);
  const connections = async () => {
    const line = /^[a-z_]*http_connections (\d+)/m.exec(await (await server.get('/metrics')).text());
    return Number(line[1]);
  };
  await until('them to be cut off', async () => (await connections()) < 15, 30_000);
});

test('a command whose output nobody reads is not slowed down', async (t) => {
  const server = await useServer(t);
  const mcp = new Modern(server);
  const id = await mcp.start('head -c 50000000 /dev/zero | tr "\\0" "\\n" | head -c 50000000; exit 2');
  const status = await until('its end', async () => {
    const s = await mcp.status(id);
    return s.status !== 'running' && s;
  }, 60_000);
  assert.equal(status.exit_code, 2);
  assert.equal(status.bytes_out, 50_000_000);
});

test('a command that never reads its input holds up only itself', async (t) => {
  const server = await useServer(t);
  const mcp = new Modern(server);
  const id = await mcp.start('sleep 600', { interactive: true });
  for (let i = 0; i < 30; i++)
    await mcp.call('send_stdin', { execution_id: id, input_data: 'x'.repeat(60_000) });
  assert.equal((await mcp.run('echo quick')).exit_code, 0);
  const other = await mcp.start('cat', { interactive: true });
  await mcp.stdin(other, 'hello', { eof: true });
  assert.equal((await readAll(mcp, other)).events.filter((e) => e.type === 'stdout').length, 1);
  await mcp.cancel(id, { force: true });
});
