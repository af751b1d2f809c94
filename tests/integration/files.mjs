// read_file, write_file and list_files: files in and out of the workspace that commands run in.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { connect, kinds } from './lib/clients.mjs';
import { Cluster } from './lib/cluster.mjs';
import { LEGACY, Legacy, Modern, textOf } from './lib/mcp.mjs';
import { hasRedis } from './lib/redis.mjs';
import { Server, useServer } from './lib/server.mjs';
import { elapsedMs, slowness } from './lib/until.mjs';

const server = await useServer();
const mcp = new Modern(server);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('what a client writes', () => {
  test('a command finds, and what a command writes, the client', async () => {
    await mcp.tool('write_file', { path: 'in/hello.sh', content: 'echo "hello $1" | tee out.txt\n', executable: true });
    const run = await mcp.run('sh ./in/hello.sh you; test -x in/hello.sh');
    assert.equal(run.exit_code, 0);
    assert.equal(textOf(run.output), 'hello you\n');
    const read = await mcp.tool('read_file', { path: 'out.txt' });
    assert.equal(read.content, 'hello you\n');
    assert.equal(read.sha256, sha256('hello you\n'));
  });

  test('comes back byte by byte, also what is no text', async () => {
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 256));
    const written = await mcp.tool('write_file', {
      path: 'bytes',
      content: bytes.toString('base64'),
      encoding: 'base64',
    });
    assert.equal(written.sha256, sha256(bytes));
    const read = await mcp.tool('read_file', { path: 'bytes' });
    assert.equal(read.encoding, 'base64');
    assert.deepEqual(Buffer.from(read.content, 'base64'), bytes);
    const { output } = await mcp.run('sha256sum bytes');
    assert.match(textOf(output), new RegExp(sha256(bytes)));
  });

  test('can be sent in pieces', async () => {
    for (const piece of ['one\n', 'two\n', 'three\n'])
      await mcp.tool('write_file', { path: 'pieces', content: piece, append: true });
    assert.equal((await mcp.tool('read_file', { path: 'pieces' })).content, 'one\ntwo\nthree\n');
  });

  test('takes the place of what is there in one step', async () => {
    const size = 1 << 20;
    const text = (letter) => letter.repeat(size - 1) + '\n';
    await mcp.tool('write_file', { path: 'whole', content: text('a') });
    // A reader that looks all the time sees one or the other.
    const id = await mcp.start(`while [ ! -e stop ]; do wc -c <whole; done | sort -u`);
    for (const letter of 'bcdefgh') await mcp.tool('write_file', { path: 'whole', content: text(letter) });
    await mcp.tool('write_file', { path: 'stop', content: '' });
    await mcp.ended(id);
    assert.equal(textOf((await mcp.output(id)).output).trim(), String(size));
  });
});

describe('what a client reads', () => {
  test('is what it asked for, and can be gone on with to the end', async () => {
    await mcp.run('seq 1 30000 >numbers');
    const middle = await mcp.tool('read_file', { path: 'numbers', offset: 29_999, limit: 100 });
    assert.equal(middle.content, '29999\n30000\n');
    assert.equal(middle.total_lines, 30_000);
    let all = '';
    let next = { offset: 1, unit: 'lines' };
    let calls = 0;
    for (; next; calls++) {
      const part = await mcp.tool('read_file', { path: 'numbers', ...next });
      all += part.content;
      next = part.next;
    }
    assert.ok(calls > 1, 'one answer held it all');
    assert.equal(all, Array.from({ length: 30_000 }, (_, i) => `${i + 1}\n`).join(''));
  });

  test('that is an image comes as one', async () => {
    await mcp.tool('write_file', { path: 'dot.png', content: png.toString('base64'), encoding: 'base64' });
    const result = await mcp.call('read_file', { path: 'dot.png' });
    assert.deepEqual(result.content[1], { type: 'image', mimeType: 'image/png', data: png.toString('base64') });
    assert.equal(result.structuredContent.encoding, 'image');
    assert.equal(result.structuredContent.sha256, sha256(png));
  });

  test('from far into a large file takes no longer than from its begin', async () => {
    const run = await mcp.run('truncate -s 500M large && printf end >>large');
    assert.equal(run.exit_code, 0);
    let part;
    const ms = await elapsedMs(async () => {
      part = await mcp.tool('read_file', { path: 'large', offset: 500 * 2 ** 20 - 2, limit: 10, unit: 'bytes' });
    });
    assert.equal(Buffer.from(part.content, 'base64').toString(), '\0\0end');
    assert.equal(part.size, 500 * 2 ** 20 + 3);
    assert.ok(ms < 2000 * slowness, `${ms} ms`);
    await mcp.run('rm large');
  });

  test('does not hold up others', async () => {
    await mcp.run('head -c 200000000 /dev/zero >zeros');
    // Looks for a line that is not there, in all of it.
    const long = mcp.call('read_file', { path: 'zeros', offset: 2, unit: 'lines' });
    let worst = 0;
    let isOver = false;
    void long.finally(() => (isOver = true));
    while (!isOver) worst = Math.max(worst, await elapsedMs(() => mcp.request('server/discover')));
    assert.equal((await long).structuredContent.content, '');
    assert.ok(worst < 500 * slowness, `${worst} ms`);
    await mcp.run('rm zeros');
  });
});

describe('nothing outside of the workspace', () => {
  const outside = [
    ['/etc/passwd', /outside of the workspace/],
    ['../../etc/passwd', /has a ".."/],
    ['link/passwd', /leads out of the workspace/],
    ['loop', /symbolic link that is not followed/],
    ['root/etc/passwd', /leads out of the workspace/],
  ];

  test('is read, written or listed', async () => {
    await mcp.run('ln -sfn /etc link; ln -sfn loop loop; ln -sfn /proc/self/root root; ln -sfn /etc/passwd file');
    for (const [path, why] of [...outside, ['file', /leads out of the workspace/]])
      assert.match(await mcp.refusal('read_file', { path }), why, path);
    for (const [path, why] of [...outside, ['file', /symbolic link that is not followed/]])
      assert.match(await mcp.refusal('write_file', { path, content: 'x' }), why, path);
    assert.match(await mcp.refusal('list_files', { path: 'link' }), /leads out of the workspace/);
    const { files } = await mcp.tool('list_files', { recursive: true, limit: 1000 });
    assert.ok(files.some((f) => f.path === 'link' && f.type === 'symlink'));
    assert.ok(!files.some((f) => f.path.startsWith('link/') || f.path.startsWith('root/')));
  });

  test('is reached by a command that swaps a directory for a link', async () => {
    await mcp.run('mkdir -p swap real; echo inside >swap/passwd; ln -sfn /etc bad');
    const id = await mcp.start(
      'while [ ! -e halt ]; do mv -T swap real2; mv -T bad swap; mv -T swap bad; mv -T real2 swap; done',
    );
    for (let i = 0; i < 150; i++) {
      const result = await mcp.call('read_file', { path: 'swap/passwd' });
      if (!result.isError) assert.equal(result.structuredContent.content, 'inside\n');
    }
    await mcp.tool('write_file', { path: 'halt', content: '' });
    await mcp.ended(id);
  });

  test('and nothing that is no file', async () => {
    await mcp.run('mkfifo pipe');
    assert.match(await mcp.refusal('read_file', { path: 'pipe' }), /pipe, a socket or a device/);
  });
});

describe('a listing', () => {
  test('goes page by page over everything, in order', async () => {
    await mcp.run('mkdir -p many/sub; cd many; for i in $(seq 100 349); do : >f$i; : >sub/g$i; done');
    const paths = [];
    let cursor;
    do {
      const page = await mcp.tool('list_files', { path: 'many', recursive: true, limit: 100, ...(cursor && { cursor }) });
      assert.ok(page.files.length <= 100);
      paths.push(...page.files.map((f) => f.path));
      cursor = page.next_cursor;
    } while (cursor);
    const wanted = Array.from({ length: 250 }, (_, i) => `many/f${i + 100}`);
    const below = Array.from({ length: 250 }, (_, i) => `many/sub/g${i + 100}`);
    assert.deepEqual(paths, [...wanted, 'many/sub', ...below]);
  });
});

describe('a session', () => {
  test('of each older revision has files of its own', async () => {
    for (const revision of LEGACY) {
      const one = await new Legacy(server, { revision }).open();
      const other = await new Legacy(server, { revision }).open();
      const write = await one.call('write_file', { path: 'mine', content: 'x' });
      assert.ok(!write.isError, write.content[0].text);
      const read = await one.call('read_file', { path: 'mine' });
      assert.match(read.content[0].text, /^x\n\[mine: lines 1-1 of 1 lines, 1 bytes in all\]$/);
      assert.match(await other.refusal('read_file', { path: 'mine' }), /is not in the workspace/);
      const { content } = await one.call('execute_code', { command: 'cat mine', output: { format: 'text' } });
      assert.match(content[0].text, /^x\n/);
      await one.close();
      await other.close();
    }
  });
});

describe('an execution', () => {
  test('names its workspace for other sessions of its owner', async () => {
    const one = await new Legacy(server).open();
    const other = await new Legacy(server).open();
    const { execution_id } = await one.run('echo left >behind');
    assert.match(await other.refusal('read_file', { path: 'behind' }), /is not in the workspace/);
    assert.equal((await other.tool('read_file', { path: 'behind', execution_id })).content, 'left\n');
    await other.tool('write_file', { path: 'more', content: 'x', execution_id });
    const { files } = await one.tool('list_files');
    assert.deepEqual(files.map((f) => f.path), ['behind', 'more']);
    const unknown = execution_id.replace(/.{4}$/, 'aaaa');
    assert.match(await other.refusal('read_file', { path: 'behind', execution_id: unknown }), /Execution not found/);
    await one.close();
    await other.close();
  });
});

describe('in a sandbox', () => {
  test('clients and commands share the same files, each with their own rights', async (t) => {
    const isolated = new Server({ args: ['--set', 'sandbox.profile=default'] });
    try {
      await isolated.start();
    } catch (error) {
      return t.skip(`this host offers no sandbox: ${error.message.split('\n').find((line) => /sandbox/.test(line))}`);
    }
    try {
      const inside = new Modern(isolated);
      await inside.tool('write_file', { path: 'bin/run.sh', content: 'pwd; cat in; echo out >out', executable: true });
      await inside.tool('write_file', { path: '/workspace/in', content: 'from the client\n' });
      const run = await inside.run('./bin/run.sh && echo more >>bin/run.sh && mkdir bin/sub && ln -s /etc/passwd link');
      assert.equal(textOf(run.output), '/workspace\nfrom the client\n', textOf(run.output, 'stderr'));
      assert.equal(run.exit_code, 0);
      assert.equal((await inside.tool('read_file', { path: 'out', execution_id: run.execution_id })).content, 'out\n');
      assert.match(await inside.refusal('read_file', { path: 'link' }), /leads out of the workspace/);
      const { files } = await inside.tool('list_files', { path: '/workspace/bin' });
      assert.deepEqual(files.map((f) => f.path), ['bin/run.sh', 'bin/sub']);
      const { result } = await inside.request('resources/read', { uri: `exec://${run.execution_id}/files/out` });
      assert.equal(result.contents[0].text, 'out\n');
    } finally {
      await isolated.stop();
    }
  });
});

describe('several replicas', () => {
  test('have a workspace each, reached by the id of an execution', async () => {
    assert.ok(hasRedis, 'redis-server is not installed: run scripts/setup test');
    const cluster = await new Cluster({ replicas: 2 }).start();
    try {
      const [a, b] = cluster.all().map((one) => new Modern(one));
      const { execution_id } = await a.run('echo here >f');
      const args = { path: 'f', execution_id };
      assert.equal((await a.tool('read_file', args)).content, 'here\n');
      assert.match(await b.refusal('read_file', args), /lies on another replica than this one \(r2\)/);
      assert.match(await b.refusal('read_file', { path: 'f' }), /This is the workspace on replica r2/);
      const written = await b.tool('write_file', { path: 'g', content: 'x' });
      assert.match(written.note, /This is the workspace on replica r2; other replicas have others/);
      const uri = `exec://${execution_id}/files/f`;
      const there = await b.request('resources/read', { uri });
      assert.equal(there.error.code, -32602);
      assert.match(there.error.message, /another replica/);
      // nginx finds the owner by the uri.
      const any = new Modern(cluster);
      for (let i = 0; i < 6; i++)
        assert.equal((await any.request('resources/read', { uri })).result.contents[0].text, 'here\n');
    } finally {
      await cluster.stop();
    }
  });
});

for (const kind of kinds)
  test(`${kind.name}: writes, lists and reads`, async () => {
    const { client, tool } = await connect(kind, server);
    const path = `by ${kind.name}/é.txt`;
    await tool('write_file', { path, content: 'ü\n' });
    const { files } = await tool('list_files', { path: `by ${kind.name}` });
    assert.deepEqual(files.map((f) => [f.path, f.type, f.size]), [[path, 'file', 3]]);
    assert.equal((await tool('read_file', { path })).content, 'ü\n');
    await client.close();
  });

describe('an operator', () => {
  test('bounds files and workspaces, and can do without the tools', async () => {
    const bounded = new Server({
      config: 'files:\n  max_file: 8KiB\n  max_entries: 100\nsandbox:\n  workspace_quota: 64KiB\n',
    });
    const without = new Server({ args: ['--set', 'files.enabled=false'] });
    await Promise.all([bounded.start(), without.start()]);
    try {
      const small = new Modern(bounded);
      assert.match(await small.refusal('write_file', { path: 'a', content: 'x'.repeat(8193) }), /files\.max_file/);
      await small.run('head -c 100000 /dev/zero >b');
      assert.match(await small.refusal('write_file', { path: 'c', content: 'x' }), /sandbox\.workspace_quota/);
      await small.run('rm b; for i in $(seq 150); do : >f$i; done');
      const listing = await small.tool('list_files', { limit: 1000 });
      assert.deepEqual([listing.files.length, listing.complete], [100, false]);
      await small.tool('write_file', { path: 'c', content: 'x' });

      const { result } = await new Modern(without).request('tools/list');
      assert.deepEqual(result.tools.filter((t) => t.name.includes('file')), []);
      const { error } = await new Modern(without).request('tools/call', { name: 'read_file', arguments: {} });
      assert.equal(error.code, -32602);
    } finally {
      await bounded.stop();
      await without.stop();
    }
  });
});
