// Ways out of a sandbox, each tried from inside by a real command: none leads anywhere. All of it as root
// (each workspace has a user of its own) and as an unprivileged user (whose namespaces have to do).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Legacy, Modern, textOf } from './lib/mcp.mjs';
import { isAlive, processesWith } from './lib/processes.mjs';
import { Server, program, useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

const isRoot = process.getuid() === 0;
const nobody = 65534;
const probeName = 'tests/integration/escape-probe';
const probe = join(dirname(program), probeName);
const token = 'escape-token-0123456789abcdef';
const stateSecret = 'escape-secret-0123456789abcdef0123456789abcdef';

// A program of the tests alone: plain make does not build it.
const made = spawnSync('make', ['-C', dirname(program), '--no-print-directory', probeName], { encoding: 'utf8' });
assert.equal(made.status, 0, made.stderr);

const refusedCalls = {
  EPERM: [
    'ptrace', 'vm_read', 'vm_write', 'clone_user', 'clone_mount', 'tiocsti', 'tiocsti_high', 'mount', 'umount2',
    'pivot_root', 'chroot', 'move_mount', 'open_tree', 'fsopen', 'mount_setattr', 'unshare', 'setns', 'add_key',
    'request_key', 'keyctl', 'bpf', 'perf_event_open', 'kexec_load', 'init_module', 'finit_module', 'delete_module',
    'pidfd_getfd', 'kcmp', 'open_by_handle_at', 'fanotify_init', 'syslog', 'clock_settime', 'swapon', 'reboot', 'quotactl',
  ],
  ENOSYS: ['clone3', 'userfaultfd', 'io_uring_setup'],
  EAFNOSUPPORT: ['af_vsock', 'af_alg', 'af_packet', 'af_unknown'],
};

const parse = (text) => Object.fromEntries(text.trim().split('\n').map((line) => line.trim().split(' ')));

// A listener of the host's, as Redis would be, that counts who comes.
async function listen(t, where) {
  const listener = { comers: 0 };
  const server = createServer((socket) => {
    listener.comers++;
    socket.destroy();
  });
  await new Promise((done, failed) => server.on('error', failed).listen(where, done));
  t.after(() => new Promise((done) => server.close(done)));
  listener.port = server.address()?.port;
  return listener;
}

// What a host that does not filter says: the calls below can be made there, so a refusal means something.
test('outside of a sandbox the calls that need no privilege can be made', () => {
  const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-probe-'));
  try {
    chmodSync(dir, 0o755);
    cpSync(probe, join(dir, 'probe'));
    const who = isRoot ? { uid: nobody, gid: nobody } : {};
    const said = parse(spawnSync(join(dir, 'probe'), { ...who, encoding: 'utf8' }).stdout);
    for (const name of ['ptrace', 'vm_read', 'clone3', 'kcmp']) assert.equal(said[name], 'done', `${name} ${said[name]}`);
    assert.equal(said.tiocsti, 'ENOTTY');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

for (const who of isRoot ? ['root', 'an unprivileged user'] : ['an unprivileged user'])
  describe(`as ${who}`, { concurrency: false }, () => {
    let server, mcp, text;
    const uid = isRoot && who !== 'root' ? nobody : undefined;

    // The output of a command, whatever its exit code.
    const said = async (command, args) => textOf((await mcp.run(command, args)).output);

    test('a server starts, with secrets of its own', async (t) => {
      const own = new Server({
        uid,
        config: `auth:\n  state_secret: ${stateSecret}\n`,
        env: { SANDBOX_AUTH_TOKEN: token },
        args: ['--set', 'limits.max_per_session=100', '--max-concurrent', '20'],
      });
      server = await own.start();
      mcp = new Modern(server, { token });
      text = await said('id -u; pwd');
      assert.equal(text, '1000\n/workspace\n');
      const [name] = readdirSync(join(server.stateDir, 'workspaces'));
      const workspace = join(server.stateDir, 'workspaces', name);
      cpSync(probe, join(workspace, 'probe'));
      chmodSync(join(workspace, 'probe'), 0o755);
      const owner = statSync(workspace).uid;
      if (who === 'root') assert.ok(owner >= 200000 && owner < 210000, `owner ${owner}`);
      else assert.equal(owner, uid ?? process.getuid());
      assert.equal(statSync(workspace).mode & 0o777, 0o700);
    });

    test('its user has a name, and those of the host are not told', async () => {
      assert.equal(await said('id -un; id -gn; whoami; echo ~sandbox'), 'sandbox\nsandbox\nsandbox\n/workspace\n');
      const names = (await said('cut -d: -f1 /etc/passwd /etc/group; echo x >>/etc/passwd')).trim().split('\n');
      assert.deepEqual(names.slice(0, 6), ['sandbox', 'root', 'nobody', 'sandbox', 'root', 'nogroup']);
      assert.equal(names.length, 7); // what the shell says of the last command
    });

    test('the filter of system calls refuses each of them', async () => {
      const calls = parse(await said('./probe'));
      for (const [error, names] of Object.entries(refusedCalls))
        for (const name of names) assert.equal(calls[name], error, `${name}: ${calls[name]} instead of ${error}`);
      assert.equal(Object.keys(calls).length, Object.values(refusedCalls).flat().length);
      assert.match(await said('grep -E "Seccomp:|NoNewPrivs|Cap(Eff|Prm|Bnd|Amb)" /proc/self/status'),
        /CapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nCapAmb:\t0+\nNoNewPrivs:\t1\nSeccomp:\t2\n/);
    });

    test('typing into its own terminal is refused', async () => {
      const r = await mcp.run('./probe 2>&1 | grep tiocsti', { pty: true });
      assert.deepEqual(textOf(r.output).trim().split(/\s+/), ['tiocsti', 'EPERM', 'tiocsti_high', 'EPERM']);
    });

    test('the token and the secrets are nowhere', async () => {
      const command = `for s in ${token.slice(0, 12)} ${stateSecret.slice(0, 13)}; do
        grep -rlsa "$s" /proc/[0-9]*/environ /proc/[0-9]*/cmdline /etc /tmp /dev/shm /workspace --exclude=probe; env | grep "$s"; done; echo end`;
      // The command itself names the beginnings: only its own process may show them.
      assert.deepEqual((await said(command)).split('\n').filter((l) => l && !/^\/proc\/\d+\/cmdline$/.test(l)), ['end']);
    });

    test('the environment and memory of its first process can not be read', async () => {
      const r = await said('cat /proc/1/environ /proc/1/maps /proc/1/mem 2>&1; ls /proc/1/fd 2>&1; readlink /proc/1/exe /proc/1/cwd /proc/1/root; echo end');
      assert.equal(r.match(/Permission denied/g)?.length, 4, r);
      assert.ok(r.endsWith('end\n') && !r.includes('MCP_'), r);
    });

    test('no descriptor but 0, 1 and 2 comes in', async () => {
      assert.equal(await said('ls /proc/$$/fd'), '0\n1\n2\n');
    });

    test('the state directory, its journals and its socket are not there', async () => {
      const dir = server.stateDir;
      assert.ok(existsSync(join(dir, 'keeper.sock')));
      const r = await said(`ls ${dir} ${dir}/executions 2>&1; cat ${dir}/test.yaml 2>&1; ./probe unix:${dir}/keeper.sock; find / -name 'spec.json*' -o -name keeper.sock 2>/dev/null; echo end`);
      assert.equal(r.match(/No such file/g)?.length, 3, r);
      assert.equal(r.match(/keeper.sock ENOENT/g)?.length, 2, r);
      assert.ok(r.endsWith('ENOENT\nend\n'), r);
    });

    test('one session does not see what another wrote', async () => {
      const [a, b] = [await new Legacy(server, { token }).open(), await new Legacy(server, { token }).open()];
      await a.run('mkdir -p deep; echo mine > deep/note-of-a; chmod -R 777 .; echo shared > /tmp/note-of-a; echo x > /dev/shm/note-of-a');
      const r = textOf((await b.run('find / -name note-of-a 2>/dev/null; ls -A /tmp /dev/shm')).output);
      assert.equal(r, '/dev/shm:\n\n/tmp:\n');
      assert.equal(textOf((await a.run('cat deep/note-of-a')).output), 'mine\n');
    });

    test('processes outside are neither seen, nor signalled, nor traced', async () => {
      const keeper = server.keeperPid();
      const r = await said(`ls /proc | grep -cE '^[0-9]+$'; kill -0 ${keeper} 2>&1; kill -9 ${keeper} 2>&1; ls /proc/${keeper} 2>&1; kill -9 -1 2>/dev/null; echo end`);
      assert.ok(Number(r.split('\n')[0]) < 10, r);
      assert.equal(r.match(/No such (process|file)/g)?.length, 3, r);
      assert.ok(isAlive(keeper) && isAlive(server.pid));
      assert.equal(server.keeperPid(), keeper);
    });

    test('nothing can be written outside of the workspace and private places', async () => {
      const name = `mcp-execd-escape-${process.pid}`;
      const r = await said(`for d in / /usr /usr/local /etc /opt /bin /lib /dev /proc /proc/sys/kernel /mnt /root /var/tmp /home; do
        touch $d/${name} 2>/dev/null && echo wrote $d; done; echo x > /proc/sysrq-trigger; echo 1 > /proc/sys/kernel/core_pattern
        mkdir /workspace/../${name}; echo x > /tmp/${name} && echo tmp`);
      assert.equal(r.split('\n').filter((l) => /^(wrote|tmp)/.test(l)).join(), 'tmp', r);
      for (const dir of ['/', '/usr', '/etc', '/tmp', '/dev', '/var/tmp']) assert.ok(!existsSync(join(dir, name)), dir);
    });

    test('files of the host that are not for everybody can not be read', async () => {
      const r = await said('cat /etc/shadow /root/.profile /proc/kcore /proc/kmsg /dev/mem 2>&1 >/dev/null | wc -l; wc -c < /etc/passwd');
      const [errors, passwd] = r.trim().split('\n').map(Number);
      assert.equal(errors, 5);
      assert.ok(passwd > 0);
    });

    test('no host is reached: by address, name, IPv6, loopback or as metadata service', async (t) => {
      const tcp = await listen(t, { port: 0, host: '127.0.0.1' });
      const path = join(mkdtempSync(join(tmpdir(), 'mcp-execd-sock-')), 's');
      const unix = await listen(t, path);
      const abstract = `mcp-execd-escape-${process.pid}-${uid ?? 0}`;
      const hidden = await listen(t, `\0${abstract}`);
      const r = await said(`./probe connect:127.0.0.1:${tcp.port} connect:127.0.0.1:${server.port} connect:::1:${tcp.port} connect:1.1.1.1:53 connect:169.254.169.254:80 connect:10.0.0.1:6379 connect:2606:4700:4700::1111:443 unix:${path} unix:@${abstract}
        getent hosts example.com; echo getent $?`);
      assert.deepEqual(r.trim().split('\n'), [
        '127.0.0.1 ECONNREFUSED', '127.0.0.1 ECONNREFUSED', '::1 ECONNREFUSED', '1.1.1.1 ENETUNREACH',
        '169.254.169.254 ENETUNREACH', '10.0.0.1 ENETUNREACH', '2606:4700:4700::1111 ENETUNREACH',
        `${path} ENOENT`, `${path} ENOENT`, `@${abstract} ECONNREFUSED`, `@${abstract} ECONNREFUSED`, 'getent 2',
      ]);
      assert.deepEqual([tcp.comers, unix.comers, hidden.comers], [0, 0, 0]);
    });

    test('what is left behind ends: double forks, sessions of their own, daemons, deaf ones', async () => {
      const mark = `7531.${process.pid}${uid ? 1 : 0}`;
      const r = await mcp.run(`(sleep ${mark} & ) ; setsid sleep ${mark} & (setsid sh -c 'trap "" TERM HUP INT; sleep ${mark}; sleep ${mark}' >/dev/null 2>&1 &) ; nohup sh -c '(sleep ${mark} &) ; exec sleep ${mark}' >/dev/null 2>&1 & sleep 0.3; echo done`);
      assert.equal(textOf(r.output), 'done\n');
      assert.ok(r.processes_killed >= 4, `killed ${r.processes_killed}`);
      await until('all of them to end', () => processesWith(`sleep ${mark}`).length === 0);
    });

    test('a cancelled one leaves nothing behind either', async () => {
      const mark = `7532.${process.pid}${uid ? 1 : 0}`;
      const id = await mcp.start(`trap "" TERM; setsid sleep ${mark} & (sleep ${mark} &) ; echo up; sleep ${mark}`);
      await mcp.output(id, { wait_ms: 5000, until: 'up' });
      assert.ok(processesWith(`sleep ${mark}`).length >= 1);
      await mcp.cancel(id, { force: true });
      assert.equal((await mcp.ended(id)).signal, 'SIGKILL');
      await until('all of them to end', () => processesWith(`sleep ${mark}`).length === 0);
    });

    test('a workspace that a command closed to itself is open to the next one', async () => {
      for (const mode of ['000', '400', '500'])
        assert.equal(await said(`chmod ${mode} . && echo closed`), 'closed\n');
      assert.equal(await said('stat -c %a . && echo x > y && rm y && echo open'), '700\nopen\n');
    });

    test('links in the workspace lead nowhere else', async () => {
      await said(`ln -sfn ${server.stateDir} state; ln -sfn / root; ln -sfn /proc/1/root first; ln -sfn ../../.. up`);
      const r = await said('ls state/executions first/ 2>&1; ls up/ | tr "\\n" " "; ls root/ | tr "\\n" " "; rm -f state root first up');
      assert.match(r, /state\/executions': No such file/);
      assert.match(r, /first\/?'?: (Permission denied|No such file)/);
      assert.ok(!r.includes('sandbox_server.log') && !r.includes('boot'), r);
      for (const directory of ['../../../../etc', 'a/../../b', '/workspace/..']) {
        const result = await mcp.call('execute_code', { command: 'pwd', working_directory: directory });
        if (!result.isError) assert.match(textOf(result.structuredContent.output ?? []), /^(\/|\/etc|)\n?$/);
      }
    });

    test('a race of links gains nothing: paths of sandbox_config that change while they are mounted', async () => {
      const racer = await mcp.start(`mkdir -p real; echo own > real/file; while :; do
        mv -T real held 2>/dev/null; ln -sfn ${server.stateDir} real; rm -f real; ln -sfn /oldroot${server.stateDir} real; rm -f real; ln -sfn /proc real; rm -f real; mv -T held real; done`);
      const answers = await Promise.all(Array.from({ length: 24 }, (_, i) =>
        mcp.call('execute_code', {
          command: 'ls real/ real/executions real/1 2>/dev/null; cat real/test.yaml 2>/dev/null; echo end',
          sandbox_config: { filesystem: i % 2 ? { deny_write: ['real'] } : { deny_write: ['real/'], deny_read: ['real/file'] } },
        })));
      await mcp.cancel(racer, { force: true });
      await mcp.ended(racer);
      const seen = answers.map((a) => (a.isError ? a.content[0].text : `${a.structuredContent.error_message ?? ''}${textOf(a.structuredContent.output ?? [])}`));
      for (const s of seen) assert.ok(!s.includes(stateSecret) && !/vm-|executions:|keeper/.test(s), s);
      await said('rm -rf real held');
    });

    test('a huge environment, argument or directory is refused or taken, and nothing breaks', async () => {
      const huge = 'x'.repeat(100_000);
      assert.match(await mcp.refusal('execute_code', { command: ':', environment: { A: huge } }), /environment/);
      assert.equal(await said('echo ${#A}', { environment: { A: 'x'.repeat(60_000) } }), '60000\n');
      assert.equal(await said(`: ${huge}; echo fine`), 'fine\n');
      assert.equal((await mcp.call('execute_code', { command: `: ${'x'.repeat(140_000)}` })).isError, true);
      const result = await mcp.call('execute_code', { command: 'pwd', working_directory: `/${'d/'.repeat(3000)}` });
      if (!result.isError) assert.equal(result.structuredContent.status, 'failed');
      const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`V${i}`, 'y']));
      assert.equal(await said('env | grep -c ^V', { environment: many }), '2000\n');
    });

    test('the sandbox has no room beyond its own: /, /dev and a full /tmp', async () => {
      const r = await said('dd if=/dev/zero of=/tmp/x bs=1M count=400 2>&1 | tail -1; stat -c %s /tmp/x; dd if=/dev/zero of=/dev/x count=1 2>&1 | head -1');
      assert.ok(Number(r.split('\n')[1]) <= 256 << 20, r);
      assert.match(r, /dev\/x.*Read-only/);
    });

    test('links of the operator do not show what the service has', async (t) => {
      const base = mkdtempSync(join(tmpdir(), 'mcp-execd-links-'));
      chmodSync(base, 0o755);
      for (const dir of ['real', 'real/state', 'real/plain']) mkdirSync(join(base, dir), { mode: 0o755 });
      symlinkSync('real', join(base, 'alias'));
      symlinkSync(join(base, 'real/state'), join(base, 'state'));
      writeFileSync(join(base, 'real/plain/file'), 'plain');
      const own = new Server({
        uid,
        stateDir: join(base, 'state'),
        config: `auth:\n  state_secret: ${stateSecret}\nsandbox:\n  profiles:\n    default:\n      read_only: [/usr, /bin, /lib, /lib64, /etc, ${base}/alias]\n      allow_write_roots: [${base}/real, ${base}/alias/state]\n`,
      });
      t.after(async () => {
        await own.stop();
        rmSync(base, { recursive: true });
      });
      const caller = new Modern(await own.start());
      for (const allow_write of [[], [`${base}/real`], [`${base}/alias/state`, `${base}/real/state`]]) {
        const r = await caller.call('execute_code', {
          command: `cat ${base}/alias/plain/file; ls -A ${base}/*/state/ ${base}/state/; grep -rl ${stateSecret.slice(0, 13)} ${base}; echo end`,
          sandbox_config: { filesystem: { allow_write } },
        });
        const seen = JSON.stringify(r.structuredContent ?? r.content);
        assert.match(seen, allow_write.length < 2 ? /plain.*end/ : /sandbox_config|end/);
        assert.ok(!/spec\.json|keeper\.sock|executions|test\.yaml/.test(seen.replaceAll(/"command":"[^"]*"/g, '')), seen);
      }
    });

    test('the server serves on, and ends without a trace', async () => {
      assert.equal(await said('echo fine'), 'fine\n');
      await server.stop();
    });
  });

describe('what this host can not offer', () => {
  const refusal = async (t, args, env) => {
    const own = new Server({ args, env });
    t.after(() => own.remove());
    await assert.rejects(() => own.start(), /ended at once/);
    assert.notEqual((await own.exit).code, 0);
    return own.log;
  };

  test('no bwrap: it refuses to start, and names the package', async (t) => {
    assert.match(await refusal(t, ['--set', 'sandbox.bwrap=/nowhere/bwrap']), /needs bwrap.*apt-get install bubblewrap/);
  });

  test('no user namespaces: it refuses to start, and names the setting', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-bwrap-'));
    t.after(() => rmSync(dir, { recursive: true }));
    chmodSync(dir, 0o755);
    writeFileSync(join(dir, 'bwrap'), '#!/bin/sh\necho "bwrap: No permissions to create new namespace, likely because the kernel does not allow it" >&2\nexit 1\n', { mode: 0o755 });
    const log = await refusal(t, ['--set', `sandbox.bwrap=${dir}/bwrap`]);
    assert.match(log, /can't be had on this host: bwrap: No permissions.*max_user_namespaces.*sandbox.profile=none/);
  });

  test('a path that bwrap can not mount: it refuses to start, and says which', async (t) => {
    const log = await refusal(t, ['--set', 'sandbox.profiles.default.read_only=[/, /usr]']);
    assert.match(log, /can't be had on this host: bwrap: .*\/workspace/);
  });

  test('a path that its users can not reach: it refuses to start, and says what to do', { skip: !isRoot && 'needs root' }, async (t) => {
    const base = mkdtempSync(join(tmpdir(), 'mcp-execd-closed-')); // 0700
    t.after(() => rmSync(base, { recursive: true }));
    mkdirSync(join(base, 'cache'));
    const log = await refusal(t, ['--set', `sandbox.profiles.default.writable=[${base}/cache]`]);
    assert.match(log, /can't be had on this host: bwrap: .*mcp-execd-closed.*Way out: whom commands run as.*o\+x/);
  });

  test('the profile none is never fallen back to, but can be asked for', async (t) => {
    const own = await useServer(t, { args: ['--set', 'sandbox.profile=none'] });
    const r = await new Modern(own).run('id -u; grep Seccomp: /proc/self/status');
    assert.equal(textOf(r.output), `${process.getuid()}\nSeccomp:\t0\n`);
  });
});
