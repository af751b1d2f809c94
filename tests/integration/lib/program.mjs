// A server program that is not ours, in a directory and on a port of its own: what is the same for each.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listening } from './ports.mjs';

export class Program {
  // options: hasGroup (signals go to all of its processes)
  constructor(name, { hasGroup = false } = {}) {
    this.name = name;
    this.hasGroup = hasGroup;
    this.dir = mkdtempSync(join(tmpdir(), `mcp-execd-${name}-`));
    this.log = '';
  }

  async findPort() {
    this.port ??= await freePort();
  }

  // It listens when this is over. moreLog: what it says besides its output, should it end at once.
  async run(args, moreLog = () => '') {
    const mine = spawn(this.name, args.map(String), { stdio: ['ignore', 'pipe', 'pipe'], detached: this.hasGroup });
    this.process = mine;
    for (const stream of [mine.stdout, mine.stderr])
      stream.setEncoding('utf8').on('data', (text) => (this.log += text));
    this.exit = once(mine, 'exit').then(() => void (this.process = this.process === mine ? null : this.process));
    await listening(this.name, this.port, () => this.process !== mine, () => this.log + moreLog());
    return this;
  }

  signal(name) {
    if (this.process) process.kill(this.hasGroup ? -this.process.pid : this.process.pid, name);
  }

  async kill() {
    if (!this.process) return;
    this.signal('SIGCONT');
    this.signal('SIGKILL');
    await this.exit;
  }

  // Another one on the same port.
  async restart() {
    await this.kill();
    return this.start();
  }

  async stop() {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
