// Three replicas, their Redis and nginx are killed, held still and started again at random while clients
// start, poll, type and cancel through nginx. Afterwards every replica tells the same truth of everything.
// FAULT_SECONDS (120) and SEED choose how long and what; scripts/fault runs ten minutes.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cluster } from '../integration/lib/cluster.mjs';
import { Modern } from '../integration/lib/mcp.mjs';
import { processesWith } from '../integration/lib/processes.mjs';
import { until } from '../integration/lib/until.mjs';
import { Chaos } from './lib/chaos.mjs';
import { Random } from './lib/random.mjs';
import { Work } from './lib/work.mjs';

const seconds = Number(process.env.FAULT_SECONDS ?? 120);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const clients = Number(process.env.FAULT_CLIENTS ?? 6);
const heartbeatMs = 2000; // redis.heartbeat_ttl
const graceMs = 2000; // redis.grace
const config = (dir) => `redis:
  heartbeat_ttl: ${heartbeatMs}ms
  grace: ${graceMs}ms
  timeout: 2s
limits:
  max_concurrent: 100
  max_per_session: 100
sandbox:
  profiles:
    default:
      writable: [${dir}]
`;

// Nothing is left of what ran: no process, no group of the kernel, no key that stays for ever.
async function nothing_is_left(cluster, dir) {
  await until('all commands to end', () => processesWith(join(dir, 'job-')).length === 0, 30_000);
  for (const key of await cluster.redis.command('KEYS', '*')) {
    const ttl = Number(await cluster.redis.command('TTL', key));
    if (ttl === -1) {
      // Read by one replica each: a queue is trimmed, and leaves with its replica's id.
      assert.match(key, /^replica:[a-z0-9_]+:commands$/, `${key} never expires`);
    }
  }
}

test(`${seconds} s of faults, seed ${seed}`, { timeout: (seconds + 600) * 1000 }, async (t) => {
  t.diagnostic(`SEED=${seed} FAULT_SECONDS=${seconds}`);
  const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-fault-'));
  chmodSync(dir, 0o777); // commands have a user of their own
  // What Redis acknowledged outlives its process: else nothing could be promised about it.
  const cluster = new Cluster({ config: config(dir), redis: { args: ['--appendonly', 'yes'] } });
  t.after(async () => {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  await cluster.start();
  const lines = [];
  const log = (line) => {
    lines.push(line);
    if (process.env.FAULT_VERBOSE) console.error(line);
  };
  // Two generators: what clients do does not change what goes wrong.
  const chaos = new Chaos(cluster, new Random(seed), log);
  const work = new Work(cluster, new Random(seed + 1), dir, log);
  work.chaos = chaos;

  const loops = Array.from({ length: clients }, (_, i) => work.client(i));
  await chaos.run(seconds * 1000);
  work.isOver = true;
  log(`${chaos.now()} ms: no more faults`);
  await Promise.all(loops);

  const problems = [];
  const ends = {};
  // The lease began with the last heartbeat, which comes a few times in it.
  const isAwayMs = heartbeatMs / 2 + graceMs;
  const mayBeLost = (job, status) => chaos.wasAway(status.replica ?? job.id.split('-')[0], isAwayMs, job.startedAt);
  for (const job of work.jobs) {
    try {
      const end = await work.check(job, { mayBeLost });
      ends[end] = (ends[end] ?? 0) + 1;
    } catch (error) {
      problems.push(`${error.message}\n${work.logged(job)}`);
    }
  }
  t.diagnostic(`faults: ${JSON.stringify(chaos.counts)}`);
  t.diagnostic(`${work.jobs.length} executions: ${JSON.stringify(ends)}`);
  for (const [what, count] of Object.entries(work.retries).sort((a, b) => b[1] - a[1])) t.diagnostic(`${count} x ${what}`);
  if (problems.length > 0) assert.fail(`${problems.length} of ${work.jobs.length} (SEED=${seed}):\n${problems.slice(0, 8).join('\n\n')}\n\n${lines.join('\n')}`);
  assert.ok(work.jobs.length > seconds / 5, `only ${work.jobs.length} executions`);

  // Nobody says that anything runs.
  for (const server of cluster.all()) {
    for (const status of ['running', 'pending']) {
      const { executions } = await new Modern(server).tool('list_executions', { status, limit: 200 });
      assert.deepEqual(executions, []);
    }
  }
  await nothing_is_left(cluster, dir);
  const groups = cluster.all().flatMap(({ log: text }) => [...text.matchAll(/cgroup=(\/\S+)/g)].map((m) => m[1]));
  await cluster.stop();
  const left = () => groups.filter(existsSync).flatMap((group) => [group, ...readdirSync(group).filter((name) => /^r\d-/.test(name))]);
  await until('the groups to go', () => left().length === 0, 10_000).catch((error) => {
    assert.fail(`${error.message}: ${left()}\n${left().map((id) => work.logged({ id })).join('\n')}`);
  });
});
