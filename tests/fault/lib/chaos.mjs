// What goes wrong in a cluster: its parts are killed and started again, or held still for a while.
import { setTimeout as pause } from 'node:timers/promises';

// Each kind: how likely, what is hit, what is done, for how long (ms).
const allFaults = [
  { weight: 4, part: 'replica', does: 'kill', forMs: [0, 1500] },
  { weight: 2, part: 'replica', does: 'kill', forMs: [5000, 9000] }, // beyond lease and grace: lost
  { weight: 4, part: 'replica', does: 'hold', forMs: [200, 2000] },
  { weight: 2, part: 'replica', does: 'hold', forMs: [5000, 9000] },
  { weight: 2, part: 'redis', does: 'kill', forMs: [0, 3000] },
  { weight: 2, part: 'redis', does: 'hold', forMs: [200, 3000] },
  { weight: 2, part: 'nginx', does: 'kill', forMs: [0, 1000] },
  { weight: 1, part: 'nginx', does: 'hold', forMs: [200, 1500] },
];

// A connection to Redis and a first sign of life take so long on a busy machine.
const backMs = 2000;

export class Chaos {
  // log: told what is done, a line each
  constructor(cluster, random, log) {
    this.cluster = cluster;
    this.random = random;
    this.log = log;
    this.begun = performance.now();
    this.under = new Map(); // part → what is being done to it
    this.away = []; // { part, from, to }: when it could not work
    this.counts = {};
  }

  now() {
    return Math.round(performance.now() - this.begun);
  }

  target({ part }) {
    if (part !== 'replica') return [part, this.cluster[part]];
    return this.random.pick(Object.entries(this.cluster.servers));
  }

  choose() {
    const faults = allFaults.filter((f) => f.part !== 'redis' || this.cluster.redis);
    let n = this.random.below(faults.reduce((sum, { weight }) => sum + weight, 0));
    return faults.find(({ weight }) => (n -= weight) < 0);
  }

  // Numbers are drawn here, so that they do not depend on how long anything takes.
  next() {
    const fault = this.choose();
    const [name, victim] = this.target(fault);
    return { ...fault, name, victim, ms: this.random.between(...fault.forMs), then: this.random.between(100, 1200) };
  }

  async strike({ does, name, victim, ms }) {
    const interval = { part: name, does, from: this.now(), to: Infinity };
    this.away.push(interval);
    this.counts[`${does} ${name}`] = (this.counts[`${does} ${name}`] ?? 0) + 1;
    this.log(`${this.now()} ms: ${does} ${name} for ${ms} ms`);
    if (does === 'kill') {
      await victim.kill();
      await pause(ms);
      await victim.start();
    } else {
      victim.signal('SIGSTOP');
      await pause(ms);
      victim.signal('SIGCONT');
    }
    interval.to = this.now();
  }

  // For so long; at its end all parts are there again.
  async run(ms) {
    const failures = [];
    while (this.now() < ms) {
      const fault = this.next();
      // One replica at least stays well.
      const replicas = [...this.under.keys()].filter((name) => name in this.cluster.servers);
      if (!this.under.has(fault.name) && (fault.part !== 'replica' || replicas.length < 2)) {
        const work = this.strike(fault).catch((error) => failures.push(`${fault.does} ${fault.name}: ${error.stack}`));
        this.under.set(fault.name, work);
        void work.then(() => this.under.delete(fault.name));
      }
      await pause(fault.then);
    }
    await Promise.all(this.under.values());
    if (failures.length > 0) throw new Error(failures.join('\n'));
  }

  // When this part could not work, without breaks that were too short to be back in.
  absences(part) {
    const absences = [];
    for (const { from, to } of this.away.filter((i) => i.part === part)) {
      const last = absences.at(-1);
      if (last && from - last.to < backMs) last.to = to;
      else absences.push({ from, to });
    }
    return absences;
  }

  // Redis keeps nothing on disk here.
  forgotSince(from) {
    return this.away.some((i) => i.part === 'redis' && i.does === 'kill' && i.to > from);
  }

  // Was this part away for at least so long without a break, at some time since `from`?
  wasAway(part, forMs, from = 0) {
    return this.absences(part).some((i) => i.to > from && i.to - Math.max(i.from, from) >= forMs);
  }
}
