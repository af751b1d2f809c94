// Five thousand streams that follow executions: what they cost, and that each is told.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Modern } from '../integration/lib/mcp.mjs';
import { useServer } from '../integration/lib/server.mjs';
import { slowness, until } from '../integration/lib/until.mjs';

const STREAMS = 5000;
const EXECUTIONS = 20;
const TASKS = 'io.modelcontextprotocol/tasks';
const meta = { 'io.modelcontextprotocol/clientCapabilities': { extensions: { [TASKS]: {} } } };

const rssKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]);

// A raw socket: this process, too, has to hold five thousand of them.
function follow(mcp, id) {
  const notifications = { taskIds: [id], resourceSubscriptions: [`exec://${id}/output`] };
  const message = mcp.message('subscriptions/listen', { notifications }, { meta });
  const body = JSON.stringify(message);
  const headers = { ...mcp.headers, ...mcp.headersOf(message), host: 'localhost', 'content-length': body.length };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(mcp.server.port, '127.0.0.1');
  const stream = { socket, text: '' };
  socket.setEncoding('latin1').on('data', (text) => (stream.text += text));
  socket.on('error', (error) => (stream.error = error));
  socket.write(`POST /mcp HTTP/1.1\r\n${head.join('')}\r\n${body}`);
  return stream;
}

const all = (what, streams, isIt) =>
  until(
    what,
    () => {
      const failed = streams.find((s) => s.error);
      if (failed) throw failed.error;
      return streams.every((s) => isIt(s.text));
    },
    60_000,
  );

test('five thousand streams have bounded memory, and each hears of its execution', async (t) => {
  const limit = Number(/open files\s+\d+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'))[1]);
  if (limit < STREAMS + 500) return t.skip(`the host allows ${limit} descriptors, ${STREAMS + 500} are needed`);
  const server = await useServer(t, {
    args: ['--max-concurrent', String(EXECUTIONS), '--set', 'limits.max_per_session=100'],
  });
  const mcp = new Modern(server);
  const ids = [];
  for (let i = 0; i < EXECUTIONS; i++)
    ids.push(await mcp.start('read a; echo $a', { interactive: true, timeout_seconds: 600 }));
  const before = rssKb(server.pid);
  const streams = [];
  while (streams.length < STREAMS) {
    // In hundreds: the listening socket's queue has an end.
    const some = Array.from({ length: 100 }, (_, i) => follow(mcp, ids[i % EXECUTIONS]));
    await all('the acknowledgements', some, (text) => /notifications\/tasks/.test(text));
    streams.push(...some);
  }
  const each = (rssKb(server.pid) - before) / STREAMS;
  for (const id of ids) await mcp.stdin(id, 'now');
  await all('the end', streams, (text) => /"status":"completed"/.test(text) && /resources\/updated/.test(text));
  const after = (rssKb(server.pid) - before) / STREAMS;
  t.diagnostic(`${each.toFixed(1)} KB each, ${after.toFixed(1)} KB when each was told`);
  // Sanitizers keep books of every byte.
  if (slowness === 1) assert.ok(each < 20 && after < 30, `${each} KB, then ${after} KB a stream`);
  for (const { socket } of streams) socket.destroy();
  await until('the streams to be gone', async () => {
    const text = await (await server.get('/metrics')).text();
    return Number(/^[a-z_]*streams (\d+)/m.exec(text)?.[1]) === 0;
  });
});
