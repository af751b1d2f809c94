// execute_code and execute_code_async: each argument of the contract, and how the end is told.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { Legacy, Modern, bytesOf, textOf } from './lib/mcp.mjs';
import { processesWith } from './lib/processes.mjs';
import { useServer } from './lib/server.mjs';
import { elapsedMs, slowness, until } from './lib/until.mjs';

const server = await useServer(null, { args: ['--max-concurrent', '20'] });
const mcp = new Modern(server);
const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const types = (result) => result.output.map((e) => e.type);

describe('the end', () => {
  test('is told with code, reason, usage and checksums', async () => {
    const r = await mcp.run('echo hello; echo oops >&2');
    assert.equal(r.status, 'completed');
    assert.equal(r.exit_code, 0);
    assert.equal(r.reason, 'exited');
    assert.equal(r.signal, null);
    assert.equal(r.stdout_sha256, sha256('hello\n'));
    assert.equal(r.stderr_sha256, sha256('oops\n'));
    assert.equal(r.processes_killed, 0);
    for (const key of ['wall_ms', 'user_ms', 'system_ms', 'max_rss_bytes'])
      assert.equal(typeof r.usage[key], 'number', key);
    assert.ok(r.usage.max_rss_bytes > 0);
  });

  test('has an exit code other than zero in a call that succeeded', async () => {
    const r = await mcp.run('exit 17');
    assert.deepEqual([r.status, r.exit_code, r.reason], ['completed', 17, 'exited']);
  });

  test('by a signal has its negative number and its name', async () => {
    const r = await mcp.run('kill -SEGV $$');
    assert.deepEqual([r.exit_code, r.signal, r.reason], [-11, 'SIGSEGV', 'signaled']);
  });

  test('is there when the command ended although a background child keeps the pipe open', async () => {
    let r;
    const ms = await elapsedMs(async () => {
      r = await mcp.run('sleep 31415 & echo done');
    });
    assert.equal(textOf(r.output), 'done\n');
    assert.equal(r.exit_code, 0);
    assert.equal(r.processes_killed, 1);
    assert.ok(ms < 3000 * slowness, `took ${ms} ms`);
  });

  test('leaves no process, also none that took a session of its own', async () => {
    const r = await mcp.run("setsid sh -c 'sleep 27182 & sleep 27182' >/dev/null 2>&1 & sleep 0.2; echo done");
    assert.ok(r.processes_killed >= 2, `processes_killed: ${r.processes_killed}`);
    await until('the left-over processes to end', () => processesWith('sleep 27182').length === 0);
  });
});

describe('events', () => {
  test('come as ready, output, exit, with growing ids and times in seconds', async () => {
    const r = await mcp.run('echo one; echo two >&2; exit 3');
    assert.equal(types(r)[0], 'ready');
    assert.equal(types(r).at(-1), 'exit');
    assert.deepEqual(types(r).slice(1, -1).sort(), ['stderr', 'stdout']);
    const exit = r.output.at(-1);
    assert.equal(exit.code, 3);
    assert.equal(typeof exit.duration_ms, 'number');
    const ids = r.output.map((e) => BigInt(e.event_id));
    assert.deepEqual(ids, [...ids].sort((a, b) => (a < b ? -1 : 1)));
    assert.equal(new Set(ids).size, ids.length);
    for (const e of r.output) assert.ok(Math.abs(e.ts - Date.now() / 1000) < 60, `ts ${e.ts}`);
  });

  test('keep what each stream wrote apart and whole', async () => {
    const r = await mcp.run('for i in 1 2 3; do echo out $i; echo err $i >&2; done');
    assert.equal(textOf(r.output, 'stdout'), 'out 1\nout 2\nout 3\n');
    assert.equal(textOf(r.output, 'stderr'), 'err 1\nerr 2\nerr 3\n');
  });

  test('carry bytes that are no text as base64', async () => {
    const r = await mcp.run("printf 'a\\377\\000b'");
    assert.deepEqual(bytesOf(r.output), Buffer.from([0x61, 0xff, 0x00, 0x62]));
    assert.ok(r.output.some((e) => e.encoding === 'base64'));
  });

  test('carry characters whole that arrived in two pieces', async () => {
    const r = await mcp.run("printf 'x\\342\\202'; sleep 0.3; printf '\\254y\\n'");
    assert.equal(textOf(r.output), 'x€y\n');
    assert.ok(!r.output.some((e) => e.encoding));
  });

  test('carry the last line also without a newline', async () => {
    assert.equal(textOf((await mcp.run('printf no-newline')).output), 'no-newline');
  });
});

describe('execute_code', () => {
  test('gives the same JSON as text and as structured content', async () => {
    const result = await mcp.call('execute_code', { command: 'echo same' });
    assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
  });

  test('ends the whole tree at timeout_seconds and says so', async () => {
    const r = await mcp.run('sleep 16180 & sleep 16180', { timeout_seconds: 1 });
    assert.deepEqual([r.status, r.reason], ['timeout', 'timeout']);
    assert.ok(r.exit_code < 0);
    const event = r.output.find((e) => e.type === 'timeout');
    assert.equal(event.timeout_seconds, 1);
    await until('the tree to end', () => processesWith('sleep 16180').length === 0);
  });

  test('kills at timeout what ignores TERM', async () => {
    const r = await mcp.run("trap '' TERM; while :; do sleep 0.1; done", { timeout_seconds: 1 });
    assert.deepEqual([r.status, r.reason, r.signal], ['timeout', 'timeout', 'SIGKILL']);
  });

  test('runs in working_directory, in the sandbox or below the workspace', async () => {
    assert.equal(textOf((await mcp.run('pwd; mkdir -p a/b')).output), '/workspace\n');
    for (const [asked, is] of [['/usr/lib', '/usr/lib'], ['a/b', '/workspace/a/b'], ['/workspace/a', '/workspace/a']])
      assert.equal(textOf((await mcp.run('pwd', { working_directory: asked })).output), `${is}\n`);
    assert.match(await mcp.refusal('execute_code', { command: 'pwd', working_directory: 'c' }), /workspace\/c.*Create it/);
  });

  test('refuses a working_directory that is not there and names it', async () => {
    const result = await mcp.call('execute_code', { command: 'pwd', working_directory: '/no/such/place' });
    const told = result.isError ? result.content[0].text : JSON.stringify(result.structuredContent);
    assert.match(told, /\/no\/such\/place|working_directory|chdir|No such file/i);
    if (!result.isError)
      assert.deepEqual([result.structuredContent.status, result.structuredContent.reason], ['failed', 'spawn_failed']);
  });

  test('hands environment to the command', async () => {
    const environment = { GREETING: 'hello "world" $HOME', EMPTY: '' };
    const r = await mcp.run('printf "%s|%s" "$GREETING" "${EMPTY-unset}"', { environment });
    assert.equal(textOf(r.output), 'hello "world" $HOME|');
  });

  test('refuses a name in environment that is none', async () => {
    assert.match(await mcp.refusal('execute_code', { command: ':', environment: { 'A=B': '1' } }), /environment/);
  });

  test('gives the command an empty standard input', async () => {
    const r = await mcp.run('cat; echo end');
    assert.equal(textOf(r.output), 'end\n');
  });

  test('gives the command no descriptor but the standard ones', async () => {
    const r = await mcp.run('ls /proc/$$/fd');
    assert.deepEqual(textOf(r.output).trim().split('\n'), ['0', '1', '2']);
  });

  test('answers at once with wait_for_completion false', async () => {
    const r = await mcp.run('sleep 0.3; echo later', { wait_for_completion: false });
    assert.equal(r.status, 'running');
    assert.equal(typeof r.message, 'string');
    const end = await mcp.output(r.execution_id, { wait: true });
    assert.equal(textOf(end.output), 'later\n');
  });

  test('waits also in the background for as long as it is told to', async () => {
    const r = await mcp.tool('execute_code_async', { command: 'echo first; exit 3', wait_seconds: 60 });
    assert.deepEqual([r.status, r.exit_code, textOf(r.output)], ['completed', 3, 'first\n']);
  });

  test('hands back a running id after wait_seconds', async () => {
    const r = await mcp.run('echo first; sleep 600', { wait_seconds: 1 });
    assert.equal(r.status, 'running');
    await mcp.cancel(r.execution_id, { force: true });
    assert.equal((await mcp.ended(r.execution_id)).status, 'cancelled');
  });

  test('runs once for one idempotency_key', async () => {
    const args = { command: 'echo run >> count; cat count', idempotency_key: 'once-1' };
    const [a, b] = await Promise.all([mcp.tool('execute_code', args), mcp.tool('execute_code', args)]);
    const c = await mcp.tool('execute_code', args);
    assert.equal(a.execution_id, b.execution_id);
    assert.equal(a.execution_id, c.execution_id);
    assert.equal(textOf(c.output), 'run\n');
  });

  test('refuses an idempotency_key that stands for another request', async () => {
    await mcp.run('echo a', { idempotency_key: 'once-2' });
    const text = await mcp.refusal('execute_code', { command: 'echo b', idempotency_key: 'once-2' });
    assert.match(text, /idempotency_key/);
  });

  test('runs code of a language', async () => {
    const r = await mcp.tool('execute_code', { language: 'bash', code: 'a=(x y z); echo "${#a[@]} $BASH_SUBSHELL"' });
    assert.equal(textOf(r.output), '3 0\n');
  });

  test('names the languages there are when asked for another', async () => {
    const text = await mcp.refusal('execute_code', { language: 'klingon', code: 'x' });
    assert.match(text, /klingon/);
    assert.match(text, /bash/);
  });

  test('wants either command or language and code', async () => {
    for (const args of [{}, { command: 'a', code: 'b', language: 'bash' }, { code: 'x' }, { language: 'bash' }])
      assert.match(await mcp.refusal('execute_code', args), /command|code|language/);
  });

  test('gives the command a terminal with pty', async () => {
    const r = await mcp.run('test -t 0 && test -t 1 && test -t 2 && tty', { pty: true });
    assert.match(textOf(r.output), /^\/dev\/pts\/\d+\r?\n$/);
    assert.equal(r.exit_code, 0);
  });

  test('lets a session find its files again and keeps them from other sessions', async () => {
    const mine = await new Legacy(server).open();
    const other = await new Legacy(server).open();
    await mine.run('echo secret > note');
    assert.equal(textOf((await mine.run('cat note')).output), 'secret\n');
    assert.notEqual((await other.run('cat note')).exit_code, 0);
  });
});

describe('arguments', () => {
  const wrong = [
    ['command', { command: 7 }],
    ['command', { command: '' }],
    ['timeout_seconds', { command: ':', timeout_seconds: 'soon' }],
    ['timeout_seconds', { command: ':', timeout_seconds: 0 }],
    ['timeout_seconds', { command: ':', timeout_seconds: -1 }],
    ['timeout_seconds', { command: ':', timeout_seconds: 1e9 }],
    ['interactive', { command: ':', interactive: 'yes' }],
    ['working_directory', { command: ':', working_directory: 3 }],
    ['environment', { command: ':', environment: ['A=B'] }],
    ['environment', { command: ':', environment: { A: 1 } }],
    ['wait_for_completion', { command: ':', wait_for_completion: 1 }],
    ['wait_seconds', { command: ':', wait_seconds: -1 }],
    ['idempotency_key', { command: ':', idempotency_key: {} }],
    ['pty', { command: ':', pty: 'no' }],
    ['output', { command: ':', output: 'text' }],
    ['format', { command: ':', output: { format: 'xml' } }],
    ['sandbox_config', { command: ':', sandbox_config: 'none' }],
    ['colour', { command: ':', colour: 'red' }],
  ];
  for (const [name, args] of wrong)
    test(`are refused by name: ${JSON.stringify(args)}`, async () => {
      assert.match(await mcp.refusal('execute_code', args), new RegExp(name));
    });

  test('that are too long for a command are refused, and the server lives', async () => {
    const text = await mcp.refusal('execute_code', { command: `: ${'x'.repeat(200_000)}` });
    assert.match(text, /command/);
    assert.equal((await mcp.run('echo alive')).exit_code, 0);
  });

  test('of execute_code_async have no wait_for_completion', async () => {
    assert.match(
      await mcp.refusal('execute_code_async', { command: ':', wait_for_completion: true }),
      /wait_for_completion/,
    );
  });
});

describe('execute_code_async', () => {
  test('answers with an id and a status, and the command runs on', async () => {
    const r = await mcp.tool('execute_code_async', { command: 'sleep 0.2; echo done; exit 4' });
    assert.ok(['pending', 'running'].includes(r.status), r.status);
    const status = await mcp.ended(r.execution_id);
    assert.deepEqual([status.status, status.exit_code], ['completed', 4]);
  });
});
