// sandbox_config: a call makes its own sandbox narrower, in every field and both spellings, and never wider.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Modern, textOf } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';

const root = mkdtempSync(join(tmpdir(), 'mcp-execd-roots-'));
after(() => rmSync(root, { recursive: true, force: true }));
for (const dir of ['grants', 'grants/a', 'cache', 'other', 'seen', 'seen/hidden']) {
  mkdirSync(join(root, dir));
  chmodSync(join(root, dir), 0o777);
}
chmodSync(root, 0o755);
writeFileSync(join(root, 'seen/hidden/file'), 'secret');
writeFileSync(join(root, 'seen/plain'), 'plain');
const server = await useServer(undefined, {
  config: `sandbox:
  profile: build
  profiles:
    build:
      read_only: [/usr, /bin, /sbin, /lib, /lib64, /etc, ${root}/seen]
      writable: [${root}/cache]
      hidden: [${root}/seen/hidden]
      allow_write_roots: [${root}/grants]
      environment: [PATH, TEST_GRANTED]
      tmp_size: 1MiB
      uid: 4242
      network: none
      max_open_files: 99
`,
  env: { TEST_GRANTED: 'yes', TEST_SECRET: 'no' },
});
const mcp = new Modern(server);

const said = async (command, filesystem) =>
  textOf((await mcp.run(command, filesystem && { sandbox_config: { filesystem } })).output);
const refused = (sandbox_config) => mcp.refusal('execute_code', { command: ':', sandbox_config });

describe('a profile', () => {
  test('grants what it names, and nothing else', async () => {
    const r = await said(`id -u; cat ${root}/seen/plain; echo; touch ${root}/seen/x; touch ${root}/cache/x && echo cache; ls ${root}/seen/hidden; ls ${root}; ls /opt; ulimit -n; echo $TEST_GRANTED$TEST_SECRET; df -k /tmp | tail -1 | tr -s ' ' | cut -d' ' -f2`);
    assert.equal(r.match(/^.*(touch|ls): .*$/gm).length, 2, r);
    assert.equal(r.replace(/^.*(touch|ls): .*\n/gm, ''), '4242\nplain\ncache\ncache\nseen\n99\nyes\n1024\n');
  });

  test('has a workspace that lives on', async () => {
    await said('echo here > note');
    assert.equal(await said('cat /workspace/note; echo $HOME'), 'here\n/workspace\n');
  });
});

describe('filesystem', () => {
  before(() => said('mkdir -p d "a b" deep/er; echo s > d/s; echo t > "a b/t"; echo k1 > k1.key; echo k2 > k2.key; echo n > plain; ln -sfn d link'));

  test('deny_read hides directories and files, by name, ~ and pattern', async () => {
    const read = 'for f in d/s "a b/t" k1.key k2.key plain /usr/bin/env /etc/passwd; do cat "$f" >/dev/null 2>&1 && echo "$f"; done';
    assert.equal(await said(read), 'd/s\na b/t\nk1.key\nk2.key\nplain\n/usr/bin/env\n/etc/passwd\n');
    for (const [deny, rest] of [
      [['~/d'], 'a b/t\nk1.key\nk2.key\nplain\n/usr/bin/env\n/etc/passwd\n'],
      [['d/s', '~/a b'], 'k1.key\nk2.key\nplain\n/usr/bin/env\n/etc/passwd\n'],
      [['*.key', '/workspace/[a-d]'], 'a b/t\nplain\n/usr/bin/env\n/etc/passwd\n'],
      [['/etc/pass*', '/bin/env', 'not/there', '*/t'], 'd/s\nk1.key\nk2.key\nplain\n'],
      [['d', 'd/s', './/d/./'], 'a b/t\nk1.key\nk2.key\nplain\n/usr/bin/env\n/etc/passwd\n'],
    ])
      assert.equal(await said(read, { deny_read: deny }), rest, deny.join());
  });

  test('a hidden directory can be neither filled nor uncovered', async () => {
    const r = await said('ls -A d; touch d/x; umount /workspace/d; rmdir d; mv d e; ls -A d', { deny_read: ['d'] });
    assert.ok(!/^s$/m.test(r), r);
    assert.equal(await said('cat d/s'), 's\n');
  });

  test('deny_write makes read-only, the whole workspace too', async () => {
    const write = 'for f in d/new deep/er/new plain k1.key new; do (echo x >> "$f") 2>/dev/null && echo "$f"; done';
    assert.equal(await said(write, { deny_write: ['d', 'plain'] }), 'deep/er/new\nk1.key\nnew\n');
    assert.equal(await said(write, { denyWrite: ['~'] }), '');
    assert.equal(await said(write, { deny_write: ['*'] }), '');
    assert.equal(await said('cat d/s', { deny_write: ['~/d'] }), 's\n');
  });

  test('allow_write only below what the operator allows', async () => {
    const write = `touch ${root}/grants/a/x 2>/dev/null && echo written`;
    assert.equal(await said(write), '');
    assert.equal(await said(write, { allow_write: [`${root}/grants/a`] }), 'written\n');
    assert.equal(await said(write, { allowWrite: [`${root}/grants/*`] }), 'written\n');
    for (const path of [`${root}/other`, '/etc', '/', `${root}/grants-not`, `${root}/grants/missing`])
      assert.match(await refused({ filesystem: { allow_write: [path] } }), /not granted.*sandbox\.profiles\.build\.allow_write_roots/);
  });

  test('what is writable anyway may be named, and made narrower inside', async () => {
    assert.equal(await said('touch d/y && echo d', { allow_write: ['~', 'd', `${root}/cache`] }), 'd\n');
    assert.equal(await said(`touch ${root}/grants/a/y 2>/dev/null || echo no`, { allow_write: [`${root}/grants`], deny_write: [`${root}/grants/a`] }), 'no\n');
  });

  test('"..", links and what is none are refused by name', async () => {
    for (const [path, why] of [
      ['../../etc', /has "\.\."/],
      ['d/../../x', /has "\.\."/],
      ['link', /symbolic link/],
      ['link/s', /symbolic link/],
      ['~other', /only ~/],
      ['', /empty/],
      ['/', /above/],
      ['/*', /above/],
      ['/*/share', /above/],
      [root, /above/],
    ]) {
      const text = await refused({ filesystem: { deny_write: [path] } });
      assert.match(text, why);
      assert.ok(text.includes('sandbox_config.filesystem.deny_write'), text);
    }
    assert.match(await refused({ filesystem: { denied: [] } }), /denied/);
  });

  test('patterns are bounded', async () => {
    await said('mkdir -p many; cd many; i=0; while [ $i -lt 300 ]; do : > f$i; i=$((i+1)); done');
    assert.match(await refused({ filesystem: { deny_read: ['many/*'] } }), /256 paths/);
    assert.equal(await said('ls many | wc -l', { deny_read: ['many/f1*'] }), '300\n');
    await said('rm -r many');
  });
});

describe('the quota of a workspace', () => {
  test('ends what goes on to fill it, and leaves a way back', async (t) => {
    const own = new Modern(await useServer(t, { args: ['--set', 'sandbox.workspace_quota=8MiB'] }));
    const r = await own.run('i=0; while :; do head -c 1048576 /dev/zero > f$i; i=$((i+1)); sleep 0.05; done', { timeout_seconds: 60 });
    assert.equal(r.reason, 'file_size_limit');
    assert.match(r.error_message, /workspace.*sandbox\.workspace_quota/);
    assert.equal(textOf((await own.run('rm -f f*; echo again > f; cat f')).output), 'again\n');
  });

  test('is what a single file can not exceed', async (t) => {
    const own = new Modern(await useServer(t, { args: ['--set', 'sandbox.workspace_quota=8MiB'] }));
    const r = await own.run('head -c 20000000 /dev/zero > f; echo $?; stat -c %s f');
    assert.match(textOf(r.output, 'stdout'), /^153\n8388608\n$/);
    const r2 = await own.run('exec head -c 20000000 /dev/zero > g');
    assert.equal(r2.reason, 'file_size_limit');
    assert.match(r2.error_message, /larger file.*limits\.max_file/);
  });
});

describe('network', () => {
  test('can not be asked for when the profile has none', async () => {
    assert.match(await refused({ network: { allowed_domains: ['example.com'] } }), /sandbox\.profiles\.build\.network: proxy/);
    assert.equal(textOf((await mcp.run('echo ok', { sandbox_config: { network: { denied_domains: ['example.com'], allowedDomains: [] } } })).output), 'ok\n');
  });

  test('is only narrowed where the profile has a proxy, whose address is in the environment', async (t) => {
    const own = new Modern(await useServer(t, {
      args: ['--set', 'sandbox.profiles.default.network=proxy', '--set', 'sandbox.profiles.default.allowed_domains=["*.example.com", example.org]'],
    }));
    const run = async (network) => textOf((await own.run('env | grep -ic _proxy=; echo $https_proxy', { sandbox_config: { network } })).output);
    for (const network of [undefined, { allowed_domains: ['a.example.com', '*.b.example.com', 'EXAMPLE.org'] }, { allowedDomains: [], deniedDomains: ['x.example.com'] }])
      assert.match(await run(network), /^8\nhttp:\/\/mcp:[0-9a-f]{32}@127\.0\.0\.1:3128\n$/);
    for (const host of ['example.net', '*.org', 'example.com', 'b.example.org', '*'])
      assert.match(await own.refusal('execute_code', { command: ':', sandbox_config: { network: { allowed_domains: [host] } } }), /sandbox\.profiles\.default\.allowed_domains|no host/);
  });
});

describe('prepared sandboxes', () => {
  test('take one command each, of the same workspace, with limits of its own call', async () => {
    // Whatever it got, prepared or not: a new /tmp, a first process of its own, the limits of the call.
    for (let i = 0; i < 6; i++) {
      const limits = i % 2 ? { sandbox_config: { resource_limits: { max_file_size_mb: 3 } } } : {};
      const r = await mcp.run('ls -A /tmp /dev/shm | grep -v roots | tr -d "\\n"; touch /tmp/mark; ulimit -f; id -u', limits);
      assert.equal(textOf(r.output), `/dev/shm:/tmp:${i % 2 ? '6144' : '2097152'}\n4242\n`);
    }
  });
});

test('a pool that there are too few descriptors for is told of when the server starts', async (t) => {
  const own = await useServer(t, { args: ['--set', 'limits.max_concurrent=1000000', '--set', 'sandbox.pool=256'] });
  assert.match(own.log, /few_open_files.*needed=9001088.*sandbox\.pool/);
});
