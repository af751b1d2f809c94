// The disk is full: what runs is told the truth, new work is refused, and all is well once there is room.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Modern, readAll, textOf } from '../integration/lib/mcp.mjs';
import { Server } from '../integration/lib/server.mjs';
import { until, within } from '../integration/lib/until.mjs';

// A server whose state directory is a file system of `size` of its own; null when this machine does
// not let us make one.
async function serverOnSmallDisk(t, size, options) {
  const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-disk-'));
  const mount = ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'mcp-execd-test', dir];
  if (spawnSync('mount', mount).status !== 0) {
    rmSync(dir, { recursive: true });
    return null;
  }
  const server = new Server({ stateDir: dir, ...options });
  t.after(async () => {
    try {
      await server.stop();
    } finally {
      spawnSync('umount', ['-l', dir]);
      rmSync(dir, { recursive: true });
    }
  });
  return server.start();
}

test('a command that fills the disk ends truthfully and its output is readable', async (t) => {
  const server = await serverOnSmallDisk(t, '32m', { config: 'retention:\n  min_free: 1MiB\n' });
  if (!server) return t.skip('mounting a tmpfs needs root');
  const mcp = new Modern(server);
  const r = await within('the end', 60_000, mcp.run('yes | head -c 200000000', { timeout_seconds: 30 }));
  assert.notDeepEqual([r.status, r.exit_code], ['completed', 0], 'told as complete although bytes are missing');
  const { events } = await readAll(mcp, r.execution_id, { output: { max_bytes: 1048576 } });
  const text = textOf(events);
  assert.ok(text.length > 1_000_000, `${text.length} bytes are readable`);
  assert.match(text.slice(0, 1000), /^(y\n)+$/);
});

test('new work is refused while there is no room, and taken again afterwards', async (t) => {
  const server = await serverOnSmallDisk(t, '64m', { config: 'retention:\n  min_free: 16MiB\n' });
  if (!server) return t.skip('mounting a tmpfs needs root');
  const mcp = new Modern(server);
  assert.equal((await mcp.run('true')).exit_code, 0);
  const ballast = join(server.stateDir, 'ballast');
  const { bavail, bsize } = statfsSync(server.stateDir);
  writeFileSync(ballast, Buffer.alloc(bavail * bsize - (4 << 20)));
  const refused = async () => {
    const result = await mcp.call('execute_code', { command: 'true' });
    return result.isError && result.content[0].text;
  };
  assert.match(await until('a refusal', refused, 20_000), /disk|space|min_free/i);
  const ready = await server.get('/health/ready');
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /disk/i);
  truncateSync(ballast, 0);
  await until('work to be taken again', async () => !(await refused()), 20_000);
  await until('/health/ready', async () => (await server.get('/health/ready')).status === 200);
});
