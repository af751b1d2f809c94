// Runs the real mcp-execd with a state directory and a port of its own.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { processesWith } from './processes.mjs';
import { assertTraffic } from './traffic.mjs';
import { until } from './until.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const program = resolve(process.env.MCP_EXECD ?? join(root, 'build/mcp-execd'));

const sanitizers = ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS'];

// What a server inherits: nothing of the shell that runs the tests but what it needs. Sanitizers
// report into files, since the keeper has no terminal.
export function environment(stateDir, extra) {
  const env = { SANDBOX_LOG_FILE: '' };
  for (const name of ['PATH', 'HOME', 'LANG', 'LSAN_OPTIONS', ...sanitizers])
    if (name in process.env) env[name] = process.env[name];
  for (const name of sanitizers)
    if (name in env) env[name] += `:log_path=${join(stateDir, 'sanitizer')}`;
  return { ...env, ...extra };
}

export function sanitizerReports(stateDir) {
  return readdirSync(stateDir)
    .filter((name) => name.startsWith('sanitizer.'))
    .map((name) => readFileSync(join(stateDir, name), 'utf8'))
    .join('\n');
}

export class Server {
  // options: readyStatus (what /health/ready is to say), args (flags), env, config (text of a YAML file), stateDir (else a new one), isReady (else
  // start() waits for /health/ready), uid (whom it runs as if we are root: the programs are copied to where it can
  // reach them)
  constructor(options = {}) {
    this.options = options;
    this.ownsDir = !options.stateDir;
    this.stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'mcp-execd-test-'));
    this.log = '';
    this.program = program;
    if (options.uid !== undefined) this.giveTo(options.uid);
  }

  giveTo(uid) {
    this.binDir = mkdtempSync(join(tmpdir(), 'mcp-execd-bin-'));
    chmodSync(this.binDir, 0o755);
    for (const name of ['mcp-execd', 'mcp-exec-keeper', 'mcp-exec-init'])
      cpSync(join(dirname(program), name), join(this.binDir, name));
    this.program = join(this.binDir, 'mcp-execd');
    chownSync(this.stateDir, uid, uid);
  }

  async start() {
    const args = ['--host', '127.0.0.1', '--port', String(this.port ?? 0), '--state-dir', this.stateDir];
    if (this.options.config !== undefined) {
      const file = join(this.stateDir, 'test.yaml');
      writeFileSync(file, this.options.config);
      args.push('--config', file);
    }
    args.push(...(this.options.args ?? []));
    const mine = spawn(this.program, args, {
      ...(this.options.uid !== undefined && { uid: this.options.uid, gid: this.options.uid }),
      env: environment(this.stateDir, this.options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.stateDir,
    });
    this.process = mine;
    this.pid = mine.pid;
    let log = '';
    for (const stream of [mine.stdout, mine.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        log += text;
        this.log += text;
      });
    this.exit = new Promise((done, failed) => {
      mine.on('error', failed);
      mine.on('exit', (code, signal) => {
        this.process = null;
        done({ code, signal });
      });
    });
    this.port = await until('the server to listen', () => {
      if (this.process !== mine) throw new Error(`the server ended at once:\n${log}`);
      const line = /listening.*?"?port"?[=:]\s*"?(\d+)/.exec(log);
      return line && Number(line[1]);
    });
    this.base = `http://127.0.0.1:${this.port}`;
    this.endpoint = `${this.base}/mcp`;
    if (this.options.isReady !== false)
      await until('/health/ready', async () => (await this.get('/health/ready')).status === (this.options.readyStatus ?? 200));
    return this;
  }

  get(path, init) {
    return fetch(this.base + path, init);
  }

  signal(name) {
    process.kill(this.pid, name);
  }

  // Ends the server's process alone, as a crash would; what it runs stays with the keeper.
  async kill() {
    if (!this.process) return;
    this.signal('SIGKILL');
    await this.exit;
  }

  // Kills it and starts another one on the same port and state directory.
  async restart() {
    await this.kill();
    await this.start();
  }

  // Ends it in order, with everything it runs, and checks that nothing is left.
  async stop() {
    try {
      if (!this.pid) return; // it never ran
      if (!this.process) await this.start(); // so that somebody ends what the keeper still runs
      this.signal('SIGINT');
      const how = await Promise.race([
        this.exit,
        new Promise((late) => setTimeout(late, 30_000, 'still there 30 s after SIGINT').unref()),
      ]);
      assertTraffic();
      const reports = sanitizerReports(this.stateDir);
      if (reports) throw new Error(reports.slice(0, 8000));
      if (how.code !== 0) throw new Error(`the server ended with ${JSON.stringify(how)}:\n${this.tail()}${this.threads()}`);
      await until('all processes of the state directory to end', () => {
        const left = processesWith(this.stateDir);
        return left.length === 0 || void (this.left = left);
      }).catch((error) => {
        throw new Error(`${error.message}\n${JSON.stringify(this.left)}`);
      });
    } finally {
      this.remove();
    }
  }

  // Where its threads stand, if it is there and somebody installed gdb.
  threads() {
    if (!this.process) return '';
    return spawnSync('gdb', ['-p', this.pid, '-batch', '-ex', 'thread apply all bt'].map(String), { encoding: 'utf8' }).stdout ?? '';
  }

  // Kills whatever is left of it, and removes its directory if it made it.
  remove() {
    if (this.process) this.signal('SIGKILL');
    for (const { pid } of processesWith(this.stateDir)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it ended meanwhile
      }
    }
    if (this.ownsDir) rmSync(this.stateDir, { recursive: true, force: true, maxRetries: 5 });
    if (this.binDir) rmSync(this.binDir, { recursive: true, force: true });
  }

  tail() {
    return this.log.slice(-4000);
  }

  keeperPid() {
    return processesWith(this.stateDir).find(({ command }) => command.includes('mcp-exec-keeper'))?.pid;
  }

  executionDirs() {
    return readdirSync(join(this.stateDir, 'executions'));
  }

  // A file of an execution's journal, as bytes.
  journalFile(id, name) {
    return readFileSync(join(this.stateDir, 'executions', id, name));
  }
}

// A running server that the end of `scope` (a test, or without one the whole file) stops.
export async function useServer(scope, options) {
  const server = new Server(options);
  (scope ? scope.after.bind(scope) : after)(() => server.stop());
  return server.start();
}
