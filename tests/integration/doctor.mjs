// --doctor on real hosts: as root and as an unprivileged user, with Redis and nginx, and where
// something is missing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { generator, hasNginx } from './lib/nginx.mjs';
import { hasRedis, useRedis } from './lib/redis.mjs';
import { program, useServer } from './lib/server.mjs';

const isRoot = process.getuid() === 0;
const NOBODY = 65534;

function directory(t) {
  const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-doctor-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function doctor(t, args, { user, stateDir, openFiles } = {}) {
  const dir = directory(t);
  if (user) chmodSync(dir, 0o777);
  const env = { PATH: process.env.PATH, HOME: dir };
  for (const name of ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS'])
    if (name in process.env) env[name] = process.env[name];
  const [first, ...more] = openFiles ? ['sh', '-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, program] : [program];
  const r = spawnSync(first, [...more, '--doctor', '--state-dir', stateDir ?? join(dir, 'state'), ...args], {
    env,
    cwd: dir,
    encoding: 'utf8',
    timeout: 60_000,
    ...(user && { uid: user, gid: user }),
  });
  const lines = r.stdout.split('\n');
  // { ok | warn | fail, text } of the line about `what`
  const line = (what) => {
    const found = lines.find((l) => l.slice(6).startsWith(`${what}: `));
    assert.ok(found, `no line about ${what}:\n${r.stdout}\n${r.stderr}`);
    return { how: found.slice(0, 6).trim(), text: found.slice(8 + what.length) };
  };
  return { status: r.status, out: r.stdout, err: r.stderr, line };
}

// Whether another user may run the program at all where it was built.
const runsAs = (user) => spawnSync(program, ['--version'], { uid: user, gid: user }).status === 0;

describe('the host', () => {
  test('every line is ok, warn or fail, and what is not ok says what mends it', (t) => {
    const r = doctor(t, []);
    const lines = r.out.trimEnd().split('\n').slice(0, -1);
    for (const [i, line] of lines.entries()) {
      assert.match(line, /^(ok {4}|warn {2}|fail {2}| {6}mend: )\S/);
      if (/^(warn|fail)/.test(line)) assert.match(lines[i + 1] ?? '', /^ {6}mend: /, line);
    }
    for (const what of ['user namespaces', 'seccomp', 'bubblewrap', 'memory limit', 'process limit', 'CPU limit'])
      r.line(what);
    assert.match(r.line('bubblewrap').text, /\/bwrap, .*\d+\.\d+/);
    for (const what of ['clock', 'disk', 'open files', 'pipes', 'Redis']) r.line(what);
    assert.equal(r.status, /^fail/m.test(r.out) ? 1 : 0, r.out);
    assert.equal(r.err, '');
  });

  test('it agrees with what a server finds here', async (t) => {
    const server = await useServer(t);
    const { limits } = await (await server.get('/health/ready')).json();
    for (const r of [doctor(t, []), doctor(t, [], { stateDir: server.stateDir })]) {
      assert.equal(r.line('memory limit').how === 'ok', limits.memory === 'tree');
      assert.equal(r.line('process limit').how === 'ok', limits.processes === 'tree');
      assert.equal(r.line('CPU limit').how === 'ok', limits.cpu === 'tree');
      assert.equal(r.line('sandbox').how, 'ok');
      assert.equal(r.status, 0, r.out);
    }
  });

  test('nothing of it stays but the state directory', (t) => {
    const groups = () =>
      readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((l) => / - cgroup2? /.test(l))
        .flatMap((l) => spawnSync('find', [l.split(' ')[4], '-maxdepth', '4', '-name', 'mcp-exec-probe-*'], { encoding: 'utf8' }).stdout.trim())
        .filter(Boolean);
    doctor(t, []);
    assert.deepEqual(groups(), []);
  });

  if (isRoot && runsAs(NOBODY))
    test('an unprivileged user is told what it has not', (t) => {
      const r = doctor(t, ['--set', 'limits.max_memory=1GiB'], { user: NOBODY });
      assert.equal(r.line('sandbox').how, 'ok', r.out);
      assert.equal(r.line('memory limit').how, 'warn');
      assert.match(r.line('memory limit').text, /each process/);
      assert.match(r.out, /mend: .*Delegate=yes/);
      assert.equal(r.status, 0, r.out);
      const demands = doctor(t, ['--set', 'limits.max_memory=1GiB', '--set', 'limits.require_tree=true'], {
        user: NOBODY,
      });
      assert.equal(demands.line('memory limit').how, 'fail');
      assert.equal(demands.status, 1);
    });

  test('what is missing is named', (t) => {
    const none = doctor(t, ['--set', 'sandbox.bwrap=/no/such/bwrap']);
    assert.equal(none.line('bubblewrap').how, 'fail');
    assert.match(none.out, /mend: apt-get install bubblewrap/);
    assert.equal(none.line('sandbox').how, 'fail');
    assert.equal(none.status, 1);
    const open = doctor(t, ['--set', 'sandbox.profile=none', '--set', 'sandbox.bwrap=/no/such/bwrap']);
    assert.equal(open.line('bubblewrap').how, 'warn');
    assert.match(open.line('sandbox').text, /all rights/);
    assert.equal(open.status, 0, open.out);
    const left = doctor(t, ['--set', 'sandbox.profiles.default.writable=[/usr, /no/such/cache]']);
    assert.equal(left.line('sandbox').how, 'warn');
    assert.match(left.line('sandbox').text, /without \/no\/such\/cache/);
    assert.equal(left.status, 0);
    const full = doctor(t, ['--set', 'retention.min_free=900TiB']);
    assert.equal(full.line('disk').how, 'fail');
    assert.equal(full.status, 1);
    const many = doctor(t, ['--set', 'limits.max_concurrent=1000000']);
    assert.equal(many.line('open files').how, 'fail');
    for (const [pool, how] of [[4, /ok|warn/], [256, /fail/]]) {
      const some = doctor(t, ['--set', 'limits.max_concurrent=100', '--set', `sandbox.pool=${pool}`], { openFiles: 1200 });
      assert.match(some.line('open files').how, how);
      assert.match(some.out, /sandbox\.pool/);
    }
  });

  test('a configuration that is wrong is told as everywhere', (t) => {
    const r = doctor(t, ['--set', 'limits.max_memory=much']);
    assert.equal(r.status, 2);
    assert.match(r.err, /limits\.max_memory/);
  });
});

describe('Redis', () => {
  if (hasRedis)
    test('its policy is looked at', async (t) => {
      const redis = await useRedis(t);
      const args = ['--redis-url', redis.url];
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      const good = doctor(t, args);
      assert.equal(good.line('Redis').how, 'ok', good.out);
      assert.match(good.line('Redis').text, /version \d+\./);
      assert.deepEqual(good.line('Redis memory'), { how: 'ok', text: 'maxmemory-policy is noeviction' });
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      const bad = doctor(t, args);
      assert.equal(bad.line('Redis memory').how, 'warn');
      assert.match(bad.out, /mend: redis-cli CONFIG SET maxmemory-policy noeviction/);
      assert.equal(bad.status, 0, bad.out);
    });

  if (hasRedis)
    test('one that does not let us in says so', async (t) => {
      const redis = await useRedis(t, { args: ['--requirepass', 'right'] });
      const url = redis.url.replace('//', '//:wrong@');
      const r = doctor(t, ['--redis-url', url, '--set', 'redis.timeout=500ms']);
      assert.match(r.line('Redis').text, /WRONGPASS/);
    });

  test('one that is not there is a failure, and no password is shown', (t) => {
    const r = doctor(t, ['--redis-url', 'redis://user:s3cretword@127.0.0.1:1/0', '--set', 'redis.timeout=500ms']);
    assert.deepEqual(r.line('Redis'), { how: 'fail', text: "it can't be reached: connect: Connection refused" });
    assert.equal(r.status, 1);
    assert.ok(!`${r.out}${r.err}`.includes('s3cretword'));
  });
});

describe('nginx', () => {
  if (hasNginx)
    test('our own configuration is fine, and one that buffers is not', (t) => {
      const dir = directory(t);
      const made = spawnSync(generator, ['-o', dir, 'r1=127.0.0.1:1'], { encoding: 'utf8' });
      assert.equal(made.status, 0, made.stderr);
      const file = join(dir, 'nginx.conf');
      const good = doctor(t, ['--nginx', file]);
      assert.equal(good.line('nginx').how, 'ok', good.out);
      const proxy = join(dir, 'mcp-execd-proxy.conf');
      writeFileSync(proxy, readFileSync(proxy, 'utf8').replace('proxy_buffering off;', ''));
      const bad = doctor(t, ['--nginx', file]);
      assert.equal(bad.line('nginx buffering').how, 'fail');
      assert.match(bad.out, /mend: proxy_buffering off;/);
      assert.equal(bad.status, 1);
    });

  test('a file that is not there is a failure', (t) => {
    assert.equal(doctor(t, ['--nginx', '/no/such/nginx.conf']).line('nginx').how, 'fail');
  });
});
