// What clients do while things go wrong, and what must be true of it afterwards.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Legacy, Modern, readAll, bytesOf } from '../../integration/lib/mcp.mjs';

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const lines = (count, line) => Array.from({ length: count }, (_, i) => line(i + 1)).join('');

// Each kind of execution: its command, what it writes if nobody stops it, its exit code.
const kinds = {
  // Lines at a pace, over several batches of the mirror.
  slow: (random, tag) => {
    const n = random.between(20, 120);
    return {
      command: `i=0; while [ $i -lt ${n} ]; do i=$((i+1)); echo "${tag} line $i"; [ $((i % 5)) -ne 0 ] || sleep 0.1; done`,
      output: lines(n, (i) => `${tag} line ${i}\n`),
    };
  },
  // Much at once.
  fast: (random, tag) => {
    const n = random.between(2000, 20000);
    return { command: `seq -f '${tag} %.0f' ${n}`, output: lines(n, (i) => `${tag} ${i}\n`) };
  },
  short: (random, tag) => ({ command: `echo ${tag}`, output: `${tag}\n` }),
  // Lines that are typed come back, each once and in order.
  typed: (random, tag) => {
    const n = random.between(2, 8);
    return {
      command: `while read line; do echo "${tag} got $line"; done`,
      typed: Array.from({ length: n }, (_, i) => `word ${i + 1}`),
      output: lines(n, (i) => `${tag} got word ${i}\n`),
    };
  },
  cancelled: (random, tag) => ({ command: `echo ${tag}; exec sleep 1000`, output: `${tag}\n`, cancelAfterMs: random.between(0, 1500) }),
};

export class Work {
  // dir: where commands leave a mark of each start
  constructor(cluster, random, dir, log) {
    Object.assign(this, { cluster, random, dir, log });
    this.jobs = [];
    this.isOver = false;
    this.retries = {};
  }

  // A client loop: one job after the other until the end.
  async client(number) {
    let caller = null;
    while (!this.isOver) {
      const job = this.newJob(number);
      caller ??= await this.open(number);
      try {
        await this.do(job, caller);
      } catch (error) {
        job.error = error;
      }
    }
  }

  // Every third client speaks an older revision.
  async open(number) {
    if (number % 3 !== 0) return new Modern(this.cluster);
    const caller = new Legacy(this.cluster);
    return this.insist('initialize', null, () => new Legacy(this.cluster).open(), 60_000).catch(() => caller);
  }

  newJob(number) {
    const key = `job-${number}-${this.jobs.length}`;
    const kind = this.random.pick(['slow', 'slow', 'fast', 'short', 'typed', 'cancelled']);
    const exit = this.random.below(100);
    const job = { key, kind, exit, ...kinds[kind](this.random, key), isSync: kind === 'short' && this.random.below(2) === 0 };
    job.script = `echo x >>${join(this.dir, key)}; ${job.command}; exit ${exit}`;
    this.jobs.push(job);
    return job;
  }

  // Repeats what can be repeated without harm until it is answered; what clients see of faults is counted.
  async insist(what, job, attempt, forMs = 90_000) {
    const end = performance.now() + forMs;
    for (;;) {
      try {
        return await attempt(AbortSignal.timeout(12_000));
      } catch (error) {
        const text = String(error.message).split('\n')[0];
        const name = `${what}: ${text.replace(/[a-z0-9]+-[a-z2-7]{26}/g, '<id>').replace(/job-[-\d]+/g, '<job>').slice(0, 160)}`;
        this.retries[name] = (this.retries[name] ?? 0) + 1;
        if (performance.now() > end) throw new Error(`${what} of ${job?.key} is not answered in ${forMs} ms: ${error.message}`);
        await pause(100);
      }
    }
  }

  async do(job, caller) {
    const tool = (name, args) =>
      this.insist(name, job, async (signal) => {
        const reply = await caller.request('tools/call', { name, arguments: args }, { signal });
        // The session is known everywhere; where Redis could not be asked, another one will do.
        if (reply.status === 404 && caller.session) await caller.open();
        assert.equal(reply.status, 200, `HTTP ${reply.status}`);
        assert.ok(reply.result, JSON.stringify(reply.error));
        const text = reply.result.content[0].text;
        // It is lost, or an input that ended it was answered to nobody: what it read shows in its output.
        if (/"error":"Execution already completed"/.test(text)) return JSON.parse(text);
        if (reply.result.isError) throw new Error(text);
        return JSON.parse(text);
      });
    const start = { command: job.script, idempotency_key: job.key, timeout_seconds: 120, ...(job.typed && { interactive: true }) };
    job.startedAt = this.chaos.now();
    const answer = await tool(job.isSync ? 'execute_code' : 'execute_code_async', start);
    job.id = answer.execution_id;
    // Declared lost before it was accepted: Redis alone knows of it.
    if (answer.status === 'lost') job.toldLostAt = this.chaos.now();
    const execution_id = job.id;
    if (job.cancelAfterMs !== undefined) {
      await pause(job.cancelAfterMs);
      await tool('cancel_execution', { execution_id }).catch((error) => (job.note = error.message));
    }
    for (const [i, word] of (job.typed ?? []).entries()) {
      const last = i === job.typed.length - 1;
      const input = { execution_id, input_data: word, input_id: `input-${i}`, ...(last && { eof: true }) };
      const typed = await tool('send_stdin', input);
      if (!typed.success) {
        job.note = typed.error; // it ended meanwhile: was it lost?
        break;
      }
    }
    job.read = await this.follow(tool, execution_id);
  }

  // Reads all by cursor, from whatever replica answers: every event once and in order.
  async follow(tool, execution_id) {
    const pieces = [];
    let cursor;
    let dropped = 0;
    for (;;) {
      const page = await tool('get_execution_output', {
        execution_id,
        wait_ms: 2000,
        output: { max_bytes: 262144 },
        ...(cursor !== undefined && { last_event_id: cursor }),
      });
      dropped += page.bytes_dropped ?? 0;
      for (const event of page.output) {
        assert.ok(cursor === undefined || Number(event.event_id) > Number(cursor), `${event.event_id} after ${cursor}`);
        pieces.push(event);
      }
      const isAtEnd = page.output.length === 0;
      cursor = page.next_event_id;
      if (isAtEnd && !['running', 'pending'].includes(page.status)) return { status: page.status, dropped, bytes: bytesOf(pieces, 'stdout') };
    }
  }

  starts({ key }) {
    const file = join(this.dir, key);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0;
  }

  // For a report: what each replica says of a job now.
  async whatIsSaid({ id }) {
    const said = Object.entries(this.cluster.servers).map(async ([name, server]) => {
      const { content } = await new Modern(server).call('get_execution_status', { execution_id: id ?? '-' });
      return `  ${name}: ${content[0].text}`;
    });
    return (await Promise.all(said)).join('\n');
  }

  // For a report: the lines of all logs about a job.
  logged({ id }) {
    const lines = this.cluster.all().flatMap(({ log }) => log.split('\n').filter((line) => line.includes(`exec=${id}`)));
    return lines.sort().join('\n');
  }

  // What one replica says of a job: status, and the output by cursor.
  async view(server, job) {
    const caller = new Modern(server);
    const status = await caller.status(job.id);
    const { events } = await readAll(caller, job.id, { output: { max_bytes: 1048576 } });
    return { status, stdout: bytesOf(events, 'stdout') };
  }

  // The invariants of one job, from every replica; throws with the whole story.
  async check(job, { mayBeLost }) {
    assert.ok(this.starts(job) <= 1, `${job.key} was started ${this.starts(job)} times`);
    if (job.error) throw new Error(`${job.key} (${job.kind}): ${job.error.message}\n${await this.whatIsSaid(job)}`);
    const mayBeUnknown = job.toldLostAt !== undefined && this.chaos.forgotSince(job.toldLostAt);
    const views = [];
    for (const [name, server] of Object.entries(this.cluster.servers)) {
      const view = await this.view(server, job).catch((error) => {
        if (!mayBeUnknown || !/Execution not found/.test(error.message)) throw error;
      });
      if (view) views.push([name, view]);
    }
    if (views.length === 0) return 'lost, and forgotten with Redis';
    const [, { status: first, stdout }] = views[0];
    for (const [name, { status, stdout: other }] of views) {
      const story = `${job.key} (${job.kind}) ${job.id} at ${name}: ${JSON.stringify(status)}`;
      assert.equal(status.status, first.status, `${story}\nand elsewhere ${JSON.stringify(first)}`);
      assert.equal(status.exit_code, first.exit_code, story);
      if (status.status === 'lost') {
        assert.ok(mayBeLost(job, status), `${story}: its owner was never away for long`);
        assert.equal(status.reason, 'lost', story);
        assert.ok(job.output.startsWith(other.toString()), `${story}: output is no beginning of what was written`);
        continue;
      }
      const expected = job.cancelAfterMs === undefined ? ['completed', 'exited', job.exit] : ['cancelled', 'cancelled'];
      assert.deepEqual([status.status, status.reason, status.exit_code].slice(0, expected.length), expected, `${story} ${job.note ?? ''}`);
      if (job.cancelAfterMs === undefined) {
        assert.equal(this.starts(job), 1, story);
        assert.equal(sha256(other), sha256(job.output), `${story}: ${other.length} bytes of ${job.output.length}`);
        if (status.stdout_sha256) assert.equal(status.stdout_sha256, sha256(job.output), story);
      } else assert.ok(job.output.startsWith(other.toString()), story);
    }
    // The client that read while it ran got the same, once and in order.
    if (first.status !== 'lost') assert.equal(sha256(job.read.bytes), sha256(stdout), `${job.key} ${job.id}: read ${job.read.bytes.length}, there are ${stdout.length}`);
    return first.status;
  }
}
