// Waiting for input: seen when a program asks, and not when it works, sleeps or waits for others.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { Legacy, Modern, textOf } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { Place, Stdio } from './lib/stdio.mjs';
import { slowness, until } from './lib/until.mjs';

const SEEN_WITHIN_MS = 200;
const TRIES = 8;

const server = await useServer(null, {
  args: ['--max-concurrent', '100', '--max-per-session', '100'],
});
const mcp = new Modern(server);
// The node that runs us lies where sandboxes have nothing.
const plain = new Modern(await useServer(null, { args: ['--set', 'sandbox.profile=none'] }));

const start = (command, pty, caller = mcp) => caller.start(command, { interactive: true, pty });

function has(program) {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

// Waits for its end, which comes early when it waits for input.
async function asked(id, caller = mcp) {
  const page = await caller.output(id, { wait: true, wait_ms: 20_000 });
  assert.equal(page.status, 'running', JSON.stringify(page));
  assert.equal(page.waiting_for_input, true, JSON.stringify(page));
  return page;
}

const node = JSON.stringify(process.execPath);
const both = [false, true];

// What it asks (undefined: nothing is printed), by which input, and whether it is a secret.
const programs = [
  { name: 'a Python REPL', command: 'python3 -iq', needs: 'python3', prompt: /^>>> ?$/ },
  { name: 'input() of Python', command: `python3 -c 'input("Name: ")'`, needs: 'python3', prompt: /^Name: $/ },
  { name: 'read -p of bash', command: `bash -c 'read -p "Go on? " x'`, needs: 'bash', prompts: [, /^Go on\? $/] },
  { name: 'read of sh', command: `printf 'Continue? [Y/n] '; read x`, prompt: /^Continue\? \[Y\/n\] $/ },
  { name: 'a question in a line of its own', command: 'echo "Your name:"; echo; read x', prompt: /^Your name:$/ },
  { name: 'a bash with job control', command: 'bash --norc -i', needs: 'bash', ptys: [true], prompt: /[$#] $/ },
  { name: 'a node REPL', command: `${node} -i`, caller: plain, prompt: /^> $/ },
  { name: 'cat', command: 'cat' },
  { name: 'a getpass', command: `python3 -c 'import getpass; getpass.getpass()'`, needs: 'python3', ptys: [true], prompt: /^Password: $/, hidden: true },
  { name: 'ssh-keygen', command: `ssh-keygen -q -t ed25519 -f key.$$`, needs: 'ssh-keygen', ptys: [true], prompt: /passphrase/, hidden: true },
];

describe('is seen:', () => {
  for (const { name, command, needs, caller = mcp, ptys = both, prompt, prompts, hidden = false } of programs)
    for (const pty of ptys)
      test(`${name}, ${pty ? 'terminal' : 'pipe'}`, { skip: needs && !has(needs) && `no ${needs}` }, async () => {
        const id = await start(command, pty, caller);
        const page = await asked(id, caller);
        const expected = prompts ? prompts[Number(pty)] : prompt;
        if (expected) assert.match(page.prompt, expected);
        assert.equal(page.input_hidden, hidden);
        const status = await caller.status(id);
        assert.equal(status.waiting_for_input, true);
        assert.equal(status.prompt, page.prompt);
        await caller.cancel(id, { force: true });
        assert.equal((await caller.ended(id)).waiting_for_input, undefined);
      });
});

const others = {
  'a busy one': 'while :; do :; done',
  'a sleeping one': 'sleep 60',
  'a shell whose child sleeps': 'sleep 60; read x',
  'a pipeline that computes': 'yes | sha256sum',
  'a network wait': `${node} -e 'require("net").createServer().listen(0, "127.0.0.1")'`,
  'a reader behind': `bash -ic 'cat & sleep 60'`,
  'one whose input is not ours': 'cat < /dev/null; sleep 60 | cat',
};

describe('is not seen:', { concurrency: 8 }, () => {
  for (const [name, command] of Object.entries(others))
    test(name, async () => {
      const caller = command.startsWith(node) ? plain : mcp;
      const watch = async (pty) => {
        const id = await start(command, pty, caller);
        const page = await caller.output(id, { wait: true, wait_ms: 1000 });
        assert.equal(page.status, 'running', JSON.stringify(page));
        assert.equal(page.waiting_for_input, false, JSON.stringify(page));
        assert.equal(page.prompt, undefined);
        await caller.cancel(id, { force: true });
      };
      await Promise.all(both.map(watch));
    });

  test('what is not interactive', async () => {
    const id = await mcp.start('sleep 60 | cat');
    const page = await mcp.output(id, { wait: true, wait_ms: 300 });
    assert.equal(page.waiting_for_input, undefined);
    await mcp.cancel(id, { force: true });
  });
});

test(`it is seen within ${SEEN_WITHIN_MS} ms`, async () => {
  const seen = [];
  for (let i = 0; i < TRIES && !(Math.min(...seen) <= SEEN_WITHIN_MS * slowness); i++) {
    const id = await start('sleep 0.2; printf "? "; read x', i % 2 === 0);
    // Output ends the first wait; the question is the end of the second one.
    await mcp.output(id, { wait_ms: 10_000, until: '\\? ' });
    await asked(id);
    seen.push(Date.now() - Date.parse((await mcp.status(id)).last_output_at));
    await mcp.cancel(id, { force: true });
  }
  assert.ok(Math.min(...seen) <= SEEN_WITHIN_MS * slowness, `after ${seen} ms`);
});

test('an answer ends it at once, and the next question is seen again', async () => {
  const id = await start('printf "a? "; read a; sleep 0.5; printf "b? "; read b; echo "<$a|$b>"', true);
  const first = await asked(id);
  await mcp.stdin(id, '1');
  assert.equal((await mcp.status(id)).waiting_for_input, false);
  // Echo and question end waits for more output; the wait for the end is ended by the question only.
  const second = await asked(id);
  assert.equal(second.prompt, 'b? ');
  assert.ok(Number(second.next_event_id) > Number(first.next_event_id));
  await mcp.stdin(id, '2');
  assert.match(textOf((await mcp.output(id, { wait: true })).output), /<1\|2>/);
});

test('execute_code hands back what asks instead of blocking on it', async () => {
  const result = await mcp.run('printf "Sure? "; read x; echo "$x!"', { interactive: true });
  assert.equal(result.status, 'running');
  assert.equal(result.waiting_for_input, true);
  assert.equal(result.prompt, 'Sure? ');
  assert.match(result.message, /send_stdin/);
  await mcp.stdin(result.execution_id, 'yes');
  const end = await mcp.output(result.execution_id, { wait: true });
  assert.match(textOf(end.output), /yes!/);
  assert.equal(end.exit_code, 0);
});

test('a wait for a pattern ends early too', async () => {
  const id = await start('echo up; read x', false);
  const page = await mcp.output(id, { until: 'never', wait_ms: 20_000 });
  assert.equal(page.matched, false);
  assert.equal(page.waiting_for_input, true);
  await mcp.cancel(id, { force: true });
});

test('text answers say so in their last line', async () => {
  const id = await start('printf "Go on? "; read x', true);
  await asked(id);
  const result = await mcp.call('get_execution_output', { execution_id: id, output: { format: 'text' } });
  assert.match(result.content[0].text, /: running, waits for input; /);
  await mcp.cancel(id, { force: true });
});

test('control sequences are no part of the prompt', async () => {
  const id = await start(String.raw`printf 'one\n\033[1;31mGo\033[0m on? '; read x`, false);
  assert.equal((await asked(id)).prompt, 'Go on? ');
  await mcp.cancel(id, { force: true });
});

test('a session of an older revision is told as well', async () => {
  const session = await new Legacy(server).open();
  const id = await session.start('read x', { interactive: true });
  const page = await session.output(id, { wait: true });
  assert.equal(page.waiting_for_input, true);
  const { executions } = await session.tool('list_executions', {});
  assert.equal(executions.find((e) => e.id === id).waiting_for_input, true);
  await session.cancel(id, { force: true });
  await session.close();
});

// Root without that capability may not look at processes of another user.
const canDrop = process.getuid() === 0 && has('setpriv');
test('what can\'t be seen is not guessed', { skip: !canDrop && 'needs root and setpriv' }, async (t) => {
  const place = new Place(t);
  const blind = new Stdio(place, [], ['setpriv', '--bounding-set=-sys_ptrace']);
  const { execution_id } = await blind.tool('execute_code_async', {
    command: 'read x; echo "$x!"',
    interactive: true,
  });
  // Isolated, a command has a user of its own.
  await until('not to be known', async () => {
    const { waiting_for_input } = await blind.tool('get_execution_status', { execution_id });
    return waiting_for_input === null;
  });
  await blind.tool('send_stdin', { execution_id, input_data: 'here' });
  const end = await blind.tool('get_execution_output', { execution_id, wait: true });
  assert.match(textOf(end.output), /here!/);
  await blind.close();
});

test('the server that takes over after a kill knows it', async () => {
  const id = await start('printf "Still? "; read x; echo "$x"', true);
  await asked(id);
  await server.restart();
  const page = await asked(id);
  assert.equal(page.prompt, 'Still? ');
  await mcp.stdin(id, 'here');
  await until('the end', async () => (await mcp.status(id)).status === 'completed');
});
