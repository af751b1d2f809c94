// The server is killed again and again while commands write: every line arrives once and in order,
// every exit status is right, nothing is left. KILLS and SEED choose how often and when.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Modern, readAll, textOf } from '../integration/lib/mcp.mjs';
import { useServer } from '../integration/lib/server.mjs';
import { until } from '../integration/lib/until.mjs';

const kills = Number(process.env.KILLS ?? 50);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const writers = 20;

// xorshift32: the same seed kills at the same moments, as far as the machine allows.
let state = seed || 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

test(`${kills} kills of the server at random, seed ${seed}`, async (t) => {
  t.diagnostic(`SEED=${seed} KILLS=${kills}`);
  const server = await useServer(t, { args: ['--max-concurrent', String(writers)] });
  const mcp = new Modern(server);
  // Each writer stops by itself when the file "stop" appears in its workspace, after whole lines.
  const command = (i) =>
    `n=0; while [ ! -e stop ]; do n=$((n+1)); echo "out $n"; echo "err $n" >&2; sleep 0.05; done; echo "last $n"; exit ${i}`;
  const ids = [];
  for (let i = 0; i < writers; i++) ids.push(await mcp.start(command(i), { timeout_seconds: 3600 }));

  for (let i = 0; i < kills; i++) {
    await server.restart();
    // Some work is under way when the kill comes: a read, a start that may or may not be accepted.
    void mcp.output(ids[random(writers)], { wait_ms: 100 }).catch(() => {});
    void mcp.start('true').catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, random(60)));
  }
  await server.restart();
  const workspaces = join(server.stateDir, 'workspaces');
  for (const name of readdirSync(workspaces)) writeFileSync(join(workspaces, name, 'stop'), '');

  for (let i = 0; i < writers; i++) {
    const status = await until(`the end of ${ids[i]}`, () => mcp.ended(ids[i]).catch(() => null), 30_000);
    assert.deepEqual([status.status, status.exit_code], ['completed', i], ids[i]);
    const { events } = await readAll(mcp, ids[i]);
    const out = textOf(events, 'stdout').split('\n').filter(Boolean);
    const last = Number(/^last (\d+)$/.exec(out.at(-1))?.[1]);
    assert.ok(last > 0, `last line: ${out.at(-1)}`);
    assert.deepEqual(out, [...Array.from({ length: last }, (_, n) => `out ${n + 1}`), `last ${last}`]);
    const err = textOf(events, 'stderr').split('\n').filter(Boolean);
    assert.deepEqual(err, Array.from({ length: last }, (_, n) => `err ${n + 1}`));
  }
  // Starts that were accepted under way had to wait for a writer's place: they run now, and each ends too.
  const settled = async () => {
    const { executions } = await mcp.tool('list_executions', { limit: 200 });
    return executions.every((e) => !['running', 'pending'].includes(e.status)) && executions;
  };
  for (const e of await until('the end of every start', settled, 30_000)) assert.notEqual(e.status, 'lost', JSON.stringify(e));
});
