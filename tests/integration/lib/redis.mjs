// A Redis of the test's own, on a free port, and the little of its protocol that tests need.
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Program } from './program.mjs';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

// One value of RESP2 at `at` of `bytes`: { value, end }, or null while it is not all there.
function parse(bytes, at) {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return null;
  const head = bytes.toString('utf8', at + 1, line);
  const end = line + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+':
      return { value: head, end };
    case '-':
      return { value: new Error(head), end };
    case ':':
      return { value: Number(head), end };
    case '$': {
      const length = Number(head);
      if (length < 0) return { value: null, end };
      if (bytes.length < end + length + 2) return null;
      return { value: bytes.toString('utf8', end, end + length), end: end + length + 2 };
    }
    default: {
      const list = [];
      let next = end;
      for (let i = 0; i < Number(head); i++) {
        const item = parse(bytes, next);
        if (!item) return null;
        list.push(item.value);
        next = item.end;
      }
      return { value: Number(head) < 0 ? null : list, end: next };
    }
  }
}

class Connection {
  constructor(port) {
    this.waiting = [];
    this.bytes = Buffer.alloc(0);
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (piece) => this.read(piece));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
      for (const { failed } of this.waiting.splice(0)) failed(new Error('the connection to Redis was closed'));
    });
  }

  read(piece) {
    this.bytes = Buffer.concat([this.bytes, piece]);
    for (let item; (item = parse(this.bytes, 0)); ) {
      this.bytes = this.bytes.subarray(item.end);
      const { done, failed } = this.waiting.shift();
      if (item.value instanceof Error) failed(item.value);
      else done(item.value);
    }
  }

  command(args) {
    return new Promise((done, failed) => {
      if (this.isClosed) return void failed(new Error('the connection to Redis was closed'));
      this.waiting.push({ done, failed });
      const parts = args.map((a) => `$${Buffer.byteLength(String(a))}\r\n${a}\r\n`);
      this.socket.write(`*${args.length}\r\n${parts.join('')}`);
    });
  }
}

// A restart is an empty one: nothing is saved.
export class Redis extends Program {
  // options: args (of redis-server)
  constructor(options = {}) {
    super('redis-server');
    this.options = options;
    this.socketPath = join(this.dir, 'redis.sock');
  }

  async start() {
    await this.findPort();
    this.url = `redis://127.0.0.1:${this.port}/0`;
    return this.run(['--port', this.port, '--bind', '127.0.0.1', '--dir', this.dir, '--save', '', '--appendonly', 'no',
      '--unixsocket', this.socketPath, ...(this.options.args ?? [])]);
  }

  // A command, as redis-cli takes it: its answer, or an error. What was asked of a Redis that is gone fails.
  async command(...args) {
    if (!this.connection || this.connection.isClosed) this.connection = new Connection(this.port);
    return this.connection.command(args);
  }

  // redis-cli itself, for what it prints.
  cli(...args) {
    const run = spawnSync('redis-cli', ['-p', String(this.port), ...args], { encoding: 'utf8' });
    return run.stdout.trimEnd();
  }

  async stop() {
    this.connection?.socket.destroy();
    await super.stop();
  }
}

// A running Redis that the end of `scope` stops.
export async function useRedis(scope, options) {
  const redis = new Redis(options);
  scope.after(() => redis.stop());
  return redis.start();
}
