// mcp-execd --stdio, by hand: lines in, lines out.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processesWith } from './processes.mjs';
import { MODERN } from './mcp.mjs';
import { environment, program, sanitizerReports } from './server.mjs';
import { Conversation, assertTraffic } from './traffic.mjs';
import { until } from './until.mjs';

// A directory in which servers make theirs; the end of the scope looks whether anything is left.
export class Place {
  constructor(scope) {
    this.dir = mkdtempSync(join(tmpdir(), 'mcp-execd-test-'));
    this.env = environment(this.dir, { XDG_RUNTIME_DIR: this.dir });
    this.clients = []; // to be closed before we look
    scope.after(() => this.check());
  }

  // What servers leave behind: their own directories, and processes.
  left() {
    const files = readdirSync(this.dir).filter((name) => name.startsWith('mcp-execd-stdio-'));
    return [...files, ...processesWith(this.dir).map(({ command }) => command)];
  }

  async gone() {
    if (this.clients.length > 0) await this.tidy();
    await until(`nothing to be left in ${this.dir}`, () => this.left().length === 0);
  }

  // An official client kills what does not end within seconds, as on a busy machine: the directory of
  // that one is removed by the next.
  async tidy() {
    await until('all processes to end', () => processesWith(this.dir).length === 0, 30_000);
    if (this.left().length === 0) return;
    const next = new Stdio(this);
    await next.modern('server/discover', {});
    await next.close();
  }

  async check() {
    try {
      await Promise.allSettled(this.clients.map((client) => client.close()));
      await this.gone().catch((error) => {
        throw new Error(`${error.message}: ${this.left()}`);
      });
      assertTraffic();
      const reports = sanitizerReports(this.dir);
      if (reports) throw new Error(reports.slice(0, 8000));
    } finally {
      for (const { pid } of processesWith(this.dir)) process.kill(pid, 'SIGKILL');
      rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

export class Stdio {
  // through: a program that runs it, with its arguments
  constructor(place, args = [], through = []) {
    this.lines = []; // not asked for yet
    this.conversation = new Conversation();
    this.errors = '';
    this.lastId = 0;
    const [command, ...rest] = [...through, program, '--stdio', ...args];
    this.process = spawn(command, rest, {
      env: place.env,
      cwd: place.dir,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.pid = this.process.pid;
    this.exit = new Promise((done) =>
      this.process.on('close', (code, signal) => {
        this.isOver = true;
        done({ code, signal });
      }),
    );
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
    this.process.stdin.on('error', () => {}); // it may be gone before we are through
    this.resume();
  }

  // Lines are taken from now on. All of them are messages: nothing else is on stdout.
  resume() {
    let text = '';
    this.process.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop();
      const messages = lines.map((line) => JSON.parse(line));
      messages.forEach((message) => this.conversation.received(message));
      this.lines.push(...messages);
    });
  }

  send(message) {
    if (typeof message === 'object') this.conversation.sent(message);
    this.process.stdin.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
  }

  // The first line that fits; others stay for later.
  async next(what, fits) {
    return until(what, () => {
      const at = this.lines.findIndex(fits);
      if (at >= 0) return this.lines.splice(at, 1)[0];
      if (this.isOver) throw new Error(`${what}: it ended\n${this.errors}`);
    });
  }

  async request(method, params, id = ++this.lastId) {
    this.send({ jsonrpc: '2.0', id, method, params });
    return this.next(`the answer to ${method}`, (m) => m.id === id && m.method === undefined);
  }

  // With what a request of 2026-07-28 carries.
  modern(method, params, id) {
    return this.request(method, this.envelope(params), id);
  }

  envelope(params) {
    return {
      ...params,
      _meta: {
        'io.modelcontextprotocol/protocolVersion': MODERN,
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    };
  }

  async tool(name, args) {
    const { result, error } = await this.modern('tools/call', { name, arguments: args });
    assert.ok(result && !result.isError, JSON.stringify(result ?? error));
    return result.structuredContent;
  }

  async initialize(revision = '2025-11-25') {
    const { result } = await this.request('initialize', {
      protocolVersion: revision,
      capabilities: {},
      clientInfo: { name: 'integration-test', version: '1' },
    });
    this.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return result;
  }

  async close() {
    this.process.stdin.end();
    return this.exit;
  }
}
