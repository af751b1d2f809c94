// Executions as resources: output in ranges, status, files in their workspace, templates, completion.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { connect, kinds } from './lib/clients.mjs';
import { LEGACY, Legacy, Modern } from './lib/mcp.mjs';
import { Server, useServer } from './lib/server.mjs';

const server = await useServer(null, { args: ['--max-concurrent', '20'] });
const mcp = new Modern(server);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const read = async (caller, uri) => {
  const { result, error } = await caller.request('resources/read', { uri });
  assert.ok(result, `${uri}: ${JSON.stringify(error)}`);
  return result.contents;
};
const bytesOf = (content) => (content.blob === undefined ? Buffer.from(content.text) : Buffer.from(content.blob, 'base64'));

async function readToTheEnd(caller, uri) {
  const pieces = [];
  for (let next = uri; next; ) {
    const [content] = await read(caller, next);
    pieces.push(bytesOf(content));
    next = content._meta.next;
  }
  return { bytes: Buffer.concat(pieces), reads: pieces.length };
}

describe('output', () => {
  test('is the same bytes, however it is read', async () => {
    const run = await mcp.run('seq 1 300000; seq 1 9 >&2', { output: { max_bytes: 1024 } });
    const uri = `exec://${run.execution_id}/output`;
    const { bytes, reads } = await readToTheEnd(mcp, `${uri}?stream=stdout`);
    assert.equal(sha256(bytes), run.stdout_sha256);
    assert.ok(reads > 1, 'one answer held it all');
    const { bytes: errors } = await readToTheEnd(mcp, `${uri}?length=700000&stream=stderr`);
    assert.equal(sha256(errors), run.stderr_sha256);
    const [first, rest] = await read(mcp, uri);
    assert.equal(rest.uri, first._meta.next);
    assert.match(rest.text, /^\[\d+ more bytes: read this uri\]$/m);
  });

  test('begins behind an event', async () => {
    const id = await mcp.start('echo a; read x; echo b', { interactive: true });
    const { next_event_id } = await mcp.output(id, { until: 'a', wait_ms: 5000 });
    await mcp.stdin(id, '');
    await mcp.ended(id);
    const [content] = await read(mcp, `exec://${id}/output?from_event=${next_event_id}`);
    assert.equal(content.text, 'b\n');
  });

  test('that a result left out is linked, where the revision knows links', async () => {
    for (const revision of LEGACY) {
      const session = await new Legacy(server, { revision }).open();
      const args = { command: 'seq 1 50000', output: { format: 'text', max_bytes: 1000 } };
      const { content } = await session.call('execute_code', args);
      const link = content.find((c) => c.type === 'resource_link');
      assert.equal(link !== undefined, revision >= '2025-06-18');
      if (link) assert.equal((await readToTheEnd(session, link.uri)).bytes.length, link.size);
      await session.close();
    }
  });
});

describe('files', () => {
  test('a command left are read as what they are', async () => {
    const plot = String.raw`import struct, zlib
def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
rows = b''.join(b'\0' + bytes([x, x, x]) * 8 for x in range(8))
open('plot.png', 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 8, 8, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
import json, os
os.makedirs('out/deep dir', exist_ok=True)
json.dump({'a': 1}, open('out/deep dir/data.json', 'w'))`;
    const run = await mcp.run(`python3 - <<'END'\n${plot}\nEND\nsha256sum plot.png`);
    assert.equal(run.exit_code, 0, JSON.stringify(run.output));
    const files = `exec://${run.execution_id}/files`;
    const [image] = await read(mcp, `${files}/plot.png`);
    assert.equal(image.mimeType, 'image/png');
    assert.match(JSON.stringify(run.output), new RegExp(sha256(bytesOf(image))));
    const [data] = await read(mcp, `${files}/out/deep%20dir/data.json`);
    assert.deepEqual([data.mimeType, data.text], ['application/json', '{"a": 1}']);
    // From the top down by the uris that directories name.
    const [top] = await read(mcp, files);
    const out = JSON.parse(top.text).files.find((f) => f.path === 'out');
    const [middle] = await read(mcp, out.uri);
    const [deep] = await read(mcp, JSON.parse(middle.text).files[0].uri);
    assert.deepEqual(JSON.parse(deep.text).files.map((f) => f.path), ['out/deep dir/data.json']);
  });

  test('larger than a reply are read on', async () => {
    const run = await mcp.run('head -c 3000000 /dev/urandom >big; sha256sum big');
    const { bytes, reads } = await readToTheEnd(mcp, `exec://${run.execution_id}/files/big`);
    assert.ok(reads > 2);
    assert.match(JSON.stringify(run.output), new RegExp(sha256(bytes)));
    await mcp.run('rm big');
  });

  test('are those of the session that ran it', async () => {
    const one = await new Legacy(server).open();
    const two = await new Legacy(server).open();
    const mine = await one.run('echo mine >f');
    const theirs = await two.run('true');
    assert.equal((await read(one, `exec://${mine.execution_id}/files/f`))[0].text, 'mine\n');
    const missing = await two.request('resources/read', { uri: `exec://${theirs.execution_id}/files/f` });
    assert.equal(missing.error.code, -32002);
    await one.close();
    await two.close();
  });

  test('outside of the workspace are none', async () => {
    const { execution_id } = await mcp.run('ln -sfn /etc etc; mkfifo -m 600 pipe');
    const of = (rest) => `exec://${execution_id}/files/${rest}`;
    for (const rest of ['../x', '%2e%2e/x', '/etc/passwd', '%2Fetc%2Fpasswd', 'etc/passwd', 'pipe', 'none']) {
      const { error } = await mcp.request('resources/read', { uri: of(rest) });
      assert.equal(error?.code, -32602, rest);
      assert.equal(error.data.uri, of(rest));
    }
  });
});

describe('the list', () => {
  test('goes page by page with cursors that outlive a restart and are nobody else\'s', async () => {
    const own = await new Server({ config: 'retention:\n  ttl: 1h\n' }).start();
    try {
      const caller = new Modern(own);
      const ids = [];
      for (let i = 0; i < 60; i++) ids.push((await caller.run(':')).execution_id);
      const { result: first } = await caller.request('resources/list');
      assert.ok(first.nextCursor);
      await own.restart();
      const { result: second } = await caller.request('resources/list', { cursor: first.nextCursor });
      assert.equal(second.nextCursor, undefined);
      const uris = [...first.resources, ...second.resources].map((r) => r.uri);
      assert.deepEqual(uris.sort(), ['exec://help', ...ids.map((id) => `exec://${id}/output`)].sort());

      const changed = first.nextCursor.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'));
      for (const cursor of [changed, 'AAAA', `0:${ids[0]}`]) {
        const { error } = await caller.request('resources/list', { cursor });
        assert.equal(error.code, -32602, cursor);
      }
      assert.match(await caller.refusal('list_files', { cursor: first.nextCursor }), /cursor is none of ours/);
    } finally {
      await own.stop();
    }
  });

  test('of one server goes on at another with the same secret', async () => {
    const env = { SANDBOX_STATE_SECRET: 'a secret that both of them know' };
    const servers = [new Server({ env }), new Server({ env }), new Server()];
    await Promise.all(servers.map((s) => s.start()));
    try {
      const [one, two, other] = servers.map((s) => new Modern(s));
      for (let i = 0; i < 51; i++) await one.run(':');
      const { result } = await one.request('resources/list');
      const there = await two.request('resources/list', { cursor: result.nextCursor });
      assert.deepEqual(there.result?.resources, []);
      assert.equal((await other.request('resources/list', { cursor: result.nextCursor })).error.code, -32602);
    } finally {
      await Promise.all(servers.map((s) => s.stop()));
    }
  });
});

for (const kind of kinds)
  test(`${kind.name}: templates are listed, completed and read`, async () => {
    const { client, tool } = await connect(kind, server);
    const { execution_id } = await tool('execute_code', { command: 'mkdir -p src; echo hello >src/a.txt' });
    const { resourceTemplates } = await client.listResourceTemplates();
    const template = resourceTemplates.find((t) => t.name === 'execution-files').uriTemplate;
    const complete = async (name, value, known) => {
      const context = known && { context: { arguments: known } };
      const ref = { type: 'ref/resource', uri: template };
      return (await client.complete({ ref, argument: { name, value }, ...context })).completion.values;
    };
    assert.ok((await complete('id', execution_id.slice(0, -4))).includes(execution_id));
    assert.deepEqual(await complete('path', 'sr', { id: execution_id }), ['src/']);
    assert.deepEqual(await complete('path', 'src/', { id: execution_id }), ['src/a.txt']);
    const uri = template.replace('{id}', execution_id).replace('{+path}', 'src/a.txt').replace(/\{\?.*/, '');
    assert.equal((await client.readResource({ uri })).contents[0].text, 'hello\n');
    const { resources } = await client.listResources();
    assert.ok(resources.some((r) => r.uri === `exec://${execution_id}/output`));
    await client.close();
  });
