// Very long lines, very much output, bytes that are no text: read back by cursor, compared by checksum.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { Modern, bytesOf } from '../integration/lib/mcp.mjs';
import { useServer } from '../integration/lib/server.mjs';

const server = await useServer(null);
const mcp = new Modern(server);
const PAGE = { output: { max_bytes: 1048576 } };

// Reads it all by cursor and hashes it on the way.
async function hashAll(id) {
  const hash = createHash('sha256');
  let bytes = 0;
  let cursor;
  for (;;) {
    const page = await mcp.output(id, { ...PAGE, ...(cursor !== undefined && { last_event_id: cursor }) });
    const data = bytesOf(page.output);
    hash.update(data);
    bytes += data.length;
    if (page.output.some((e) => e.type === 'exit') || page.next_event_id === cursor)
      return { bytes, sha256: hash.digest('hex') };
    cursor = page.next_event_id;
  }
}

function hashOf(total, chunk) {
  const hash = createHash('sha256');
  for (let left = total; left > 0; left -= chunk.length)
    hash.update(left < chunk.length ? chunk.subarray(0, left) : chunk);
  return hash.digest('hex');
}

async function finished(command, args) {
  const id = await mcp.start(command, args);
  await mcp.output(id, { wait: true, output: { max_bytes: 1024 } });
  const status = await mcp.tool('get_execution_status', { execution_id: id, checksum: true });
  return { id, status };
}

test('a line of 70,000 bytes', async () => {
  const { id, status } = await finished("head -c 70000 /dev/zero | tr '\\0' a; echo; echo b");
  const expected = createHash('sha256').update(`${'a'.repeat(70_000)}\nb\n`).digest('hex');
  assert.deepEqual(await hashAll(id), { bytes: 70_003, sha256: expected });
  assert.equal(status.stdout_sha256, expected);
});

test('a line of 100 MB', async () => {
  const { id, status } = await finished("head -c 100000000 /dev/zero | tr '\\0' a; echo", { timeout_seconds: 120 });
  assert.deepEqual([status.status, status.exit_code, status.bytes_out], ['completed', 0, 100_000_001]);
  const read = await hashAll(id);
  assert.equal(read.bytes, 100_000_001);
  assert.equal(read.sha256, status.stdout_sha256);
});

test('eight megabytes of random bytes', async () => {
  const { id, status } = await finished('head -c 8000000 /dev/urandom', { timeout_seconds: 60 });
  const read = await hashAll(id);
  assert.deepEqual([read.bytes, read.sha256], [8_000_000, status.stdout_sha256]);
});

test('every byte value, and text of every length of UTF-8', async () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const octal = [...all].map((b) => `\\${b.toString(8).padStart(3, '0')}`).join('');
  const { id } = await finished(`printf '${octal}'; printf 'aé€😀%.0s' $(seq 1 5000)`);
  const expected = Buffer.concat([all, Buffer.from('aé€😀'.repeat(5000))]);
  assert.deepEqual(await hashAll(id), {
    bytes: expected.length,
    sha256: createHash('sha256').update(expected).digest('hex'),
  });
});

test('a gigabyte with the limit off arrives whole', async (t) => {
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize < 3e9) return t.skip('less than 3 GB are free');
  const own = await useServer(t, { config: 'limits:\n  max_output: 0\n' });
  const caller = new Modern(own);
  const r = await caller.run('yes 0123456789abcdef | head -c 1000000000', {
    timeout_seconds: 300,
    output: { max_bytes: 1024 },
  });
  assert.deepEqual([r.status, r.exit_code], ['completed', 0]);
  const s = await caller.tool('get_execution_status', { execution_id: r.execution_id, checksum: true });
  assert.equal(s.bytes_out, 1_000_000_000);
  // A multiple of the line's 17 bytes, so that each chunk begins with a line.
  assert.equal(s.stdout_sha256, hashOf(1_000_000_000, Buffer.from('0123456789abcdef\n'.repeat(65536))));
});

test('a gigabyte with the limit on ends at the limit, and what was kept is right', async (t) => {
  const limit = 64 << 20;
  const own = await useServer(t, { config: 'limits:\n  max_output: 64MiB\n' });
  const caller = new Modern(own);
  const r = await caller.run('yes 0123456789abcdef | head -c 1000000000', {
    timeout_seconds: 300,
    output: { max_bytes: 1024 },
  });
  assert.deepEqual([r.status, r.reason], ['failed', 'output_limit']);
  const s = await caller.tool('get_execution_status', { execution_id: r.execution_id, checksum: true });
  assert.ok(s.bytes_out >= limit && s.bytes_out < limit + (1 << 20), `${s.bytes_out} bytes`);
  assert.equal(s.stdout_sha256, hashOf(s.bytes_out, Buffer.from('0123456789abcdef\n'.repeat(65536))));
});
