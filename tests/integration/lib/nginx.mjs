// nginx with our configuration, in a directory and on a port of its own.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childrenOf, readProc } from './processes.mjs';
import { Program } from './program.mjs';
import { until } from './until.mjs';

// MCP_EXECD_NGINX names another one, for example an installed one.
const sources = resolve(dirname(fileURLToPath(import.meta.url)), '../../../nginx');
export const generator = process.env.MCP_EXECD_NGINX ?? join(sources, 'mcp-execd-nginx');
export const hasNginx = spawnSync('nginx', ['-v']).status === 0;

// Started by root, workers would be nobody, who can't enter a directory of root's.
const globals = `daemon off;${process.getuid() === 0 ? ' user root;' : ''}`;

export class Nginx extends Program {
  // replicas: { name: address }; options: args (of the generator), edit (text of nginx.conf → text)
  constructor(replicas, options = {}) {
    super('nginx', { hasGroup: true }); // workers outlive a master that is killed
    this.replicas = replicas;
    this.options = options;
    this.marks = 0;
  }

  generate() {
    const list = Object.entries(this.replicas).map(([name, address]) => `${name}=${address}`);
    const args = ['-o', this.dir, '--listen', `127.0.0.1:${this.port}`, ...(this.options.args ?? []), ...list];
    const run = spawnSync(generator, args, { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`mcp-execd-nginx: ${run.stderr}`);
  }

  async start() {
    await this.findPort();
    this.base = `http://127.0.0.1:${this.port}`;
    this.endpoint = `${this.base}/mcp`;
    this.generate();
    this.options.edit?.(this);
    return this.run(['-p', this.dir, '-c', 'nginx.conf', '-e', 'logs/error.log', '-g', globals], () => this.errors());
  }

  get(path, init) {
    return fetch(this.base + path, init);
  }

  errors() {
    return this.read('error.log');
  }

  // The lines of the access log as { method, uri, status, owner, upstream }.
  requests() {
    const text = this.read('access.log');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [, , method, uri, status] = line.split(' ');
        const [, owner, upstream] = /owner=(\S*) upstream=(.*?) upstream_status/.exec(line);
        return { method, uri, status: Number(status), owner, upstream };
      });
  }

  // What the log has of the requests that `work` makes. A line comes when its reply is gone: those of
  // earlier requests are in it when that of a request that only marks the place is.
  async logOf(work, count = 1) {
    const mark = `/mark-${++this.marks}`;
    await (await this.get(mark)).text();
    const lines = () => {
      const all = this.requests();
      const at = all.findIndex(({ uri }) => uri === mark);
      return at < 0 ? null : all.slice(at + 1);
    };
    await until('the mark in the access log', lines);
    await work();
    return until('the access log', () => lines().length >= count && lines());
  }

  read(name) {
    try {
      return readFileSync(join(this.dir, 'logs', name), 'utf8');
    } catch {
      return ''; // not yet
    }
  }

  // Takes up another list of replicas: new workers are there and the old ones finish what they have.
  async reload(replicas) {
    const before = childrenOf(this.process.pid);
    this.replicas = replicas;
    this.generate();
    this.process.kill('SIGHUP');
    await until('nginx to reload', () => {
      const now = childrenOf(this.process.pid);
      const isOver = (pid) => !now.includes(pid) || /shutting down/.test(readProc(pid, 'cmdline'));
      return now.some((pid) => !before.includes(pid)) && before.every(isOver);
    });
  }
}
