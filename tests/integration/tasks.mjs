// Executions as tasks: the extension of 2026-07-28 and the experimental form of 2025-11-25, by hand
// and by the official client.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { listen, openGet } from './lib/listen.mjs';
import { Legacy, MODERN, Modern, textOf } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { connectTasks } from './lib/tasks.mjs';
import { elapsedMs, until } from './lib/until.mjs';

const TASKS = 'io.modelcontextprotocol/tasks';
const capabilities = { elicitation: {}, extensions: { [TASKS]: {} } };
const meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities };
const UNKNOWN = 'none-aaaaaaaaaaaaaaaaaaaaaaaaaa';

const args = ['--set', 'tasks.sync_wait=300ms', '--set', 'tasks.poll_interval=50ms'];
const server = await useServer(null, { args: [...args, '--set', 'tasks.experimental=true'] });
const mcp = new Modern(server);

// tools/call of a client with tasks: the result, whatever it is.
const call = async (name, params) => {
  const reply = await mcp.request('tools/call', { name, arguments: params }, { meta });
  assert.ok(reply.result, JSON.stringify(reply.error));
  return reply.result;
};
const task = async (method, taskId, params) => {
  const { result, error } = await mcp.request(`tasks/${method}`, { taskId, ...params }, { meta });
  return error ?? result;
};
const settled = (taskId) =>
  until('the task to end', async () => {
    const now = await task('get', taskId);
    return now.status !== 'working' && now.status !== 'input_required' && now;
  });
async function create(command, params) {
  const created = await call('execute_code', { command, wait_seconds: 0, ...params });
  assert.equal(created.resultType, 'task', JSON.stringify(created));
  return created;
}

describe('the extension', () => {
  test('is offered in discover, and its tools say nothing of it', async () => {
    const { result } = await mcp.request('server/discover');
    assert.deepEqual(result.capabilities.extensions, { [TASKS]: {} });
    assert.equal(result.capabilities.tasks, undefined);
    const list = await mcp.request('tools/list');
    for (const tool of list.result.tools) assert.equal(tool.execution, undefined);
  });

  test('what ends soon is answered at once, the rest becomes a task', async () => {
    const quick = await call('execute_code', { command: 'echo quick', wait_seconds: 20 });
    assert.equal(quick.resultType, 'complete');
    assert.equal(quick.structuredContent.exit_code, 0);
    const slow = await call('execute_code', { command: 'sleep 2; echo slow; exit 3' });
    assert.equal(slow.resultType, 'task');
    assert.equal(slow.status, 'working');
    for (const key of ['ttlMs', 'pollIntervalMs']) assert.ok(Number.isInteger(slow[key]), key);
    for (const key of ['createdAt', 'lastUpdatedAt']) assert.ok(Date.parse(slow[key]) > 0, key);
    for (const key of ['task', 'result', 'error', 'inputRequests']) assert.ok(!(key in slow), key);
    const end = await settled(slow.taskId);
    assert.equal(end.resultType, 'complete');
    assert.equal(end.status, 'completed');
    assert.equal(end.result.resultType, 'complete');
    assert.equal(end.result.isError, false);
    assert.equal(end.result.structuredContent.exit_code, 3);
    assert.equal(textOf(end.result.structuredContent.output), 'slow\n');
    assert.equal(end.createdAt, slow.createdAt);
    assert.ok(end.lastUpdatedAt > slow.lastUpdatedAt);
  });

  test('a call of a client without it waits for the end, as ever', async () => {
    const result = await mcp.run('sleep 0.6; echo here');
    assert.equal(result.status, 'completed');
    assert.equal(textOf(result.output), 'here\n');
  });

  test('a task in the background begins at once', async () => {
    let created;
    const ms = await elapsedMs(async () => {
      created = await call('execute_code_async', { command: 'sleep 30' });
    });
    assert.equal(created.resultType, 'task');
    assert.ok(ms < 5000, `${ms} ms`);
    await task('cancel', created.taskId);
  });

  test('tools and tasks work on the same id, in both directions', async () => {
    const created = await create('read a; echo "got $a"', { interactive: true });
    assert.equal((await mcp.status(created.taskId)).status, 'running');
    await mcp.stdin(created.taskId, 'it');
    const end = await settled(created.taskId);
    assert.equal(textOf(end.result.structuredContent.output), 'got it\n');

    const id = await mcp.start('sleep 30');
    assert.equal((await task('get', id)).status, 'working');
    assert.deepEqual(Object.keys(await task('cancel', id)).sort(), ['_meta', 'resultType']);
    const cancelled = await settled(id);
    assert.equal(cancelled.status, 'cancelled');
    assert.match(cancelled.statusMessage, /exec:\/\/.*\/output/);
    assert.equal((await mcp.status(id)).status, 'cancelled');
    assert.equal((await task('cancel', id)).resultType, 'complete');
  });

  test('the result is shaped as the call asked for', async () => {
    const { taskId } = await create('seq 1 100', { output: { format: 'text', tail_lines: 2 } });
    const { result } = await settled(taskId);
    assert.match(result.content[0].text, /99\n100\n\[/);
    assert.ok(!result.content[0].text.includes('\n97\n'));
  });

  test('a timeout completes, with its reason', async () => {
    const { taskId } = await create('sleep 30', { timeout_seconds: 0.5 });
    const end = await settled(taskId);
    assert.equal(end.status, 'completed');
    assert.equal(end.result.structuredContent.reason, 'timeout');
  });

  test('what its keeper lost has failed', async (t) => {
    const own = await useServer(t, { args });
    const other = new Modern(own);
    const { result } = await other.request(
      'tools/call',
      { name: 'execute_code_async', arguments: { command: 'echo before; sleep 60' } },
      { meta },
    );
    process.kill(own.keeperPid(), 'SIGKILL');
    const failed = await until('the task to fail', async () => {
      const reply = await other.request('tasks/get', { taskId: result.taskId }, { meta });
      return reply.result.status !== 'working' && reply.result;
    });
    assert.equal(failed.status, 'failed');
    assert.equal(failed.error.code, -32603);
    assert.equal(failed.result, undefined);
  });

  test('a task outlives the server', async (t) => {
    const own = await useServer(t, { args });
    const other = new Modern(own);
    const start = { name: 'execute_code', arguments: { command: 'sleep 1; echo after', wait_seconds: 0 } };
    const { result } = await other.request('tools/call', start, { meta });
    await own.restart();
    const end = await until('the task to end', async () => {
      const reply = await other.request('tasks/get', { taskId: result.taskId }, { meta });
      return reply.result?.status === 'completed' && reply.result;
    });
    assert.equal(textOf(end.result.structuredContent.output), 'after\n');
    assert.equal(end.createdAt, result.createdAt);
  });

  test('a call that is dropped before it became a task ends what it started', async () => {
    const abort = new AbortController();
    const pending = mcp.request(
      'tools/call',
      { name: 'execute_code', arguments: { command: 'sleep 61', wait_seconds: 20 } },
      { meta, signal: abort.signal },
    );
    const id = await until('the execution', async () => {
      const { executions } = await mcp.tool('list_executions', { status: 'running' });
      return executions.find((e) => e.command === 'sleep 61')?.id;
    });
    abort.abort();
    await assert.rejects(pending);
    assert.equal((await mcp.ended(id)).status, 'cancelled');
  });
});

describe('waiting for input', () => {
  const waiting = (taskId, caller = mcp, options = { meta }) =>
    until('the task to wait for input', async () => {
      const { result } = await caller.request('tasks/get', { taskId }, options);
      return (result.status === 'input_required' || /waits for input/.test(result.statusMessage)) && result;
    });
  const accept = (input) => ({ action: 'accept', content: { input } });

  test('is a question to the client, whose answer is written once', async () => {
    const { taskId } = await create("read -p 'Continue? [y/N] ' a; read b; echo \"<$a|$b>\"", {
      pty: true,
    });
    const asked = await waiting(taskId);
    assert.equal(asked.status, 'input_required');
    const [[key, { method, params }], ...more] = Object.entries(asked.inputRequests);
    assert.equal(more.length, 0);
    assert.equal(method, 'elicitation/create');
    assert.equal(params.mode, 'form');
    assert.match(params.message, /Continue\? \[y\/N\]/);
    assert.deepEqual(params.requestedSchema.required, ['input']);

    // What was not asked is passed over, what can't be an answer is refused.
    assert.equal((await task('update', taskId, { inputResponses: { other: accept('x') } })).resultType, 'complete');
    for (const bad of [{ action: 'accept' }, { action: 'accept', content: { input: 7 } }, { action: 'maybe' }, 5])
      assert.equal((await task('update', taskId, { inputResponses: { [key]: bad } })).code, -32602);
    assert.equal((await task('get', taskId)).status, 'input_required');

    const answer = { inputResponses: { [key]: accept('yes') } };
    assert.equal((await task('update', taskId, answer)).resultType, 'complete');
    const after = await task('get', taskId);
    assert.ok(!(key in (after.inputRequests ?? {})), JSON.stringify(after));
    assert.equal((await task('update', taskId, answer)).resultType, 'complete');

    const second = await waiting(taskId);
    const [next] = Object.keys(second.inputRequests);
    assert.notEqual(next, key);
    await task('update', taskId, { inputResponses: { [next]: accept('two\n') } });
    const end = await settled(taskId);
    assert.match(textOf(end.result.structuredContent.output), /<yes\|two>/);
  });

  test('without a word, on a pipe, again and again', async () => {
    const { taskId } = await create('read a; read b; echo "<$a|$b>"', { interactive: true });
    for (const [i, text] of ['one', 'two'].entries()) {
      const { inputRequests } = await waiting(taskId);
      assert.deepEqual(Object.keys(inputRequests), [`input-${i}`]);
      await task('update', taskId, { inputResponses: { [`input-${i}`]: accept(text) } });
    }
    assert.equal(textOf((await settled(taskId)).result.structuredContent.output), '<one|two>\n');
  });

  test('who declines lets the command read the end of its input', async () => {
    const { taskId } = await create('read a && echo got || echo none', { interactive: true });
    const [key] = Object.keys((await waiting(taskId)).inputRequests);
    await task('update', taskId, { inputResponses: { [key]: { action: 'decline' } } });
    assert.equal(textOf((await settled(taskId)).result.structuredContent.output), 'none\n');
  });

  test('a client that can not be asked is told what to do', async () => {
    const { taskId } = await create('read a; echo $a', { interactive: true });
    const bare = { meta: { 'io.modelcontextprotocol/clientCapabilities': { extensions: { [TASKS]: {} } } } };
    const told = await waiting(taskId, mcp, bare);
    assert.equal(told.status, 'working');
    assert.match(told.statusMessage, /send_stdin/);
    await mcp.stdin(taskId, 'by tool');
    assert.equal(textOf((await settled(taskId)).result.structuredContent.output), 'by tool\n');
  });

  test('a secret is not asked for, unless the operator says so', async (t) => {
    const command = "stty -echo; printf 'Password: '; read a; stty echo; echo; echo ${#a}";
    const { taskId } = await create(command, { pty: true });
    const told = await waiting(taskId);
    assert.equal(told.status, 'working');
    assert.match(told.statusMessage, /does not show/);
    await task('update', taskId, { inputResponses: { 'input-0': accept('secret') } });
    assert.equal((await task('get', taskId)).status, 'working');
    assert.equal((await mcp.status(taskId)).waiting_for_input, true);
    await task('cancel', taskId);

    const open = await useServer(t, { args: [...args, '--set', 'tasks.ask_secrets=true'] });
    const other = new Modern(open);
    const { result } = await other.request(
      'tools/call',
      { name: 'execute_code_async', arguments: { command, pty: true } },
      { meta },
    );
    const asked = await waiting(result.taskId, other);
    assert.equal(asked.status, 'input_required');
    await other.request(
      'tasks/update',
      { taskId: result.taskId, inputResponses: { 'input-0': accept('secret') } },
      { meta },
    );
    assert.match(textOf((await other.output(result.taskId, { wait: true })).output), /\n6\r?\n/);
  });

  test('comes on a stream, and so does what follows', async () => {
    const { taskId } = await create("printf 'Name: '; read a; sleep 1.5; echo hello $a", { interactive: true });
    const stream = await listen(mcp, { taskIds: [taskId] }, { meta });
    const asked = await stream.next('the question', (m) => m.params?.status === 'input_required');
    const [key, request] = Object.entries(asked.params.inputRequests)[0];
    assert.match(request.params.message, /Name:/);
    const from = stream.messages.length;
    await task('update', taskId, { inputResponses: { [key]: accept('Ada') } });
    await stream.next('work', (m) => m.params?.status === 'working', from);
    const end = await stream.next('the end', (m) => m.params?.status === 'completed', from);
    assert.match(textOf(end.params.result.structuredContent.output), /hello Ada/);
    await stream.close();
  });

  test('the experimental form has no questions: it works on', async () => {
    const legacy = await new Legacy(server).open();
    const params = { name: 'execute_code', arguments: { command: 'read a; echo $a', interactive: true }, task: {} };
    const { taskId } = (await legacy.request('tools/call', params)).result.task;
    await until('the execution to wait', async () => (await mcp.status(taskId)).waiting_for_input);
    assert.equal((await legacy.request('tasks/get', { taskId })).result.status, 'working');
    const result = legacy.request('tasks/result', { taskId });
    await mcp.stdin(taskId, 'done');
    assert.equal(textOf((await result).result.structuredContent.output), 'done\n');
    await legacy.close();
  });
});

describe('refusals', () => {
  test('without the extension tasks/… are refused before the id is looked at', async () => {
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const { status, error } = await mcp.request(method, { taskId: UNKNOWN, inputResponses: {} });
      assert.equal(status, 400);
      assert.equal(error.code, -32021);
      assert.deepEqual(error.data.requiredCapabilities, { extensions: { [TASKS]: {} } });
    }
  });

  test('an unknown id is not found, and malformed params are', async () => {
    for (const [method, more] of [['get'], ['cancel'], ['update', { inputResponses: {} }]]) {
      assert.equal((await task(method, UNKNOWN, more)).code, -32602);
      assert.equal((await task(method, 'x'.repeat(500), more)).code, -32602);
    }
    assert.equal((await task('update', UNKNOWN, { inputResponses: [] })).code, -32602);
    const { error } = await mcp.request('tasks/get', {}, { meta });
    assert.equal(error.code, -32602);
  });

  test('methods of the other form do not exist', async () => {
    for (const method of ['tasks/result', 'tasks/list']) {
      const { status, error } = await mcp.request(method, { taskId: UNKNOWN }, { meta });
      assert.equal(status, 404);
      assert.equal(error.code, -32601);
    }
  });

  test('Mcp-Name must be the task that is asked for; to leave it out is a matter of configuration', async (t) => {
    const { taskId } = await create('true');
    const wrong = await mcp.request('tasks/get', { taskId }, { meta, headers: { 'mcp-name': UNKNOWN } });
    assert.equal(wrong.status, 400);
    assert.equal(wrong.error.code, -32020);
    const bare = async (caller, id) => {
      const message = caller.message('tasks/get', { taskId: id }, { meta });
      return caller.post(message, {
        headers: { 'mcp-protocol-version': MODERN, 'mcp-method': 'tasks/get' },
      });
    };
    assert.equal((await bare(mcp, taskId)).status, 200);
    const strict = await useServer(t, { args: ['--set', 'tasks.require_name=true'] });
    const refused = await bare(new Modern(strict), taskId);
    assert.equal(refused.status, 400);
    assert.equal(refused.messages[0].error.code, -32020);
  });
});

describe('the experimental form', () => {
  test('is offered to 2025-11-25 alone, and only where it is switched on', async (t) => {
    const plain = await useServer(t);
    for (const [where, revision, isOffered] of [
      [server, '2025-11-25', true],
      [server, '2025-06-18', false],
      [plain, '2025-11-25', false],
    ]) {
      const legacy = await new Legacy(where, { revision }).open();
      const tasks = { list: {}, cancel: {}, requests: { tools: { call: {} } } };
      assert.deepEqual(legacy.initialized.capabilities.tasks, isOffered ? tasks : undefined);
      const { result } = await legacy.request('tools/list');
      const support = (name) => result.tools.find((tool) => tool.name === name).execution?.taskSupport;
      assert.equal(support('execute_code'), isOffered ? 'optional' : undefined);
      assert.equal(support('send_stdin'), undefined);
      const { error } = await legacy.request('tasks/get', { taskId: UNKNOWN });
      assert.equal(error.code, isOffered ? -32602 : -32601);
      await legacy.close();
    }
  });

  test('creates, tells, waits for the result, lists and cancels', async () => {
    const legacy = await new Legacy(server).open();
    const start = async (command) => {
      const params = { name: 'execute_code', arguments: { command }, task: { ttl: 60_000 } };
      const { result, error } = await legacy.request('tools/call', params);
      assert.ok(result, JSON.stringify(error));
      return result.task;
    };
    const made = await start('sleep 0.5; echo done');
    assert.equal(made.status, 'working');
    assert.equal(typeof made.ttl, 'number');
    assert.equal(typeof made.pollInterval, 'number');
    const { result } = await legacy.request('tasks/result', { taskId: made.taskId });
    assert.equal(textOf(result.structuredContent.output), 'done\n');
    assert.deepEqual(result._meta['io.modelcontextprotocol/related-task'], { taskId: made.taskId });
    const got = await legacy.request('tasks/get', { taskId: made.taskId });
    assert.equal(got.result.status, 'completed');
    assert.equal(got.result.result, undefined);

    const long = await start('sleep 62');
    const cancelled = await legacy.request('tasks/cancel', { taskId: long.taskId });
    assert.equal(cancelled.result.status, 'cancelled');
    await mcp.ended(long.taskId);
    const again = await legacy.request('tasks/cancel', { taskId: long.taskId });
    assert.equal(again.error.code, -32602);
    const { error } = await legacy.request('tasks/result', { taskId: long.taskId });
    assert.equal(error.code, -32603);

    const list = await legacy.request('tasks/list');
    assert.deepEqual(
      list.result.tasks.slice(0, 2).map((t) => t.taskId),
      [long.taskId, made.taskId],
    );
    const bad = await legacy.request('tasks/list', { cursor: 'bogus' });
    assert.equal(bad.error.code, -32602);

    const forbidden = await legacy.request('tools/call', { name: 'list_executions', task: {} });
    assert.equal(forbidden.error.code, -32601);
    assert.equal((await task('get', made.taskId)).status, 'completed');
    await legacy.close();
  });
});

describe('the stream of a session', () => {
  const STATUS = 'notifications/tasks/status';
  const started = async (legacy, command) => {
    const params = { name: 'execute_code', arguments: { command, interactive: true }, task: {} };
    return (await legacy.request('tools/call', params)).result.task.taskId;
  };

  test('tells how the tasks are that it began, to their end', async () => {
    const legacy = await new Legacy(server).open();
    const stream = await openGet(legacy);
    const taskId = await started(legacy, 'read a; exit 3');
    const first = await stream.next('the first status', (m) => m.method === STATUS);
    assert.deepEqual([first.params.taskId, first.params.status], [taskId, 'working']);
    assert.equal(first.params.result, undefined);
    await mcp.stdin(taskId, 'x');
    const last = await stream.next('the end', (m) => m.params?.status === 'completed');
    assert.deepEqual(Object.keys(last.params).sort(), Object.keys(first.params).sort());
    const cancelled = await started(legacy, 'sleep 66');
    await legacy.request('tasks/cancel', { taskId: cancelled });
    await stream.next('the cancellation', (m) => m.params?.taskId === cancelled && m.params.status === 'cancelled');
    assert.equal(stream.messages.at(-1).params.taskId, cancelled);
    await stream.close();
    await legacy.close();
  });

  test('is not told of what others began', async () => {
    const [one, other] = [await new Legacy(server).open(), await new Legacy(server).open()];
    const [mine, theirs] = [await openGet(one), await openGet(other)];
    const taskId = await started(one, 'read a');
    await mcp.stdin(taskId, 'x');
    await mine.next('the end', (m) => m.params?.status === 'completed');
    assert.equal(theirs.of(STATUS).length, 0);
    for (const end of [mine, theirs, one, other]) await end.close();
  });
});

describe('the official client', () => {
  for (const era of ['2026-07-28', '2025-11-25']) {
    test(`creates, follows and settles a task in ${era}`, async () => {
      const { session, close } = await connectTasks(server, era);
      const run = async (command, more) => {
        const execution = await session.callTool('execute_code', { command, ...more }, { task: { preference: 'prefer' } });
        assert.equal(execution.kind, 'task');
        return execution;
      };
      const { outcome } = await (await run('sleep 0.6; echo official', { wait_seconds: 0 })).settle();
      assert.equal(outcome.status, 'completed');
      assert.equal(textOf(outcome.result.structuredContent.output), 'official\n');
      const long = await run('sleep 63', { wait_seconds: 0 });
      await long.cancel();
      assert.equal((await long.settle()).outcome.status, 'cancelled');
      await close();
    });
  }

  test('of SDK 1 has the experimental form', async () => {
    const client = new Client1({ name: 'integration-test', version: '1' });
    await client.connect(new Http1(new URL(server.endpoint)));
    const { tasks } = client.experimental;
    await client.listTools(); /* it asks for a task only of a tool that says it has them */
    const seen = [];
    const params = { name: 'execute_code', arguments: { command: 'sleep 0.5; echo old' } };
    for await (const message of tasks.callToolStream(params, undefined, { task: { ttl: 60_000 } }))
      seen.push(message);
    assert.equal(seen[0].type, 'taskCreated', JSON.stringify(seen));
    assert.ok(seen.some((m) => m.type === 'taskStatus'));
    assert.equal(seen.at(-1).type, 'result');
    assert.equal(textOf(seen.at(-1).result.structuredContent.output), 'old\n');
    const { taskId } = seen[0].task;
    assert.equal((await tasks.getTask(taskId)).status, 'completed');
    assert.ok((await tasks.listTasks()).tasks.some((one) => one.taskId === taskId));
    const long = await mcp.start('sleep 65');
    assert.equal((await tasks.cancelTask(long)).status, 'cancelled');
    await client.close();
  });

  test('answers what a command asks', async () => {
    const questions = [];
    const { session, close } = await connectTasks(server, '2026-07-28', {
      onInput: async (request) => {
        questions.push(request.params.message);
        return { action: 'accept', content: { input: `answer ${questions.length}` } };
      },
    });
    const command = "for i in 1 2; do printf \"$i? \"; read a; echo \"<$a>\"; done";
    const execution = await session.callTool('execute_code', { command, interactive: true });
    const { outcome } = await execution.settle();
    assert.match(textOf(outcome.result.structuredContent.output), /<answer 1>[^]*<answer 2>/);
    assert.deepEqual(questions.length, 2);
    await close();
  });

  test('takes an answer that is there at once', async () => {
    const { session, close } = await connectTasks(server, '2026-07-28');
    const execution = await session.callTool('execute_code', { command: 'echo now', wait_seconds: 20 });
    assert.equal(execution.kind, 'immediate');
    const { outcome } = await execution.settle();
    assert.equal(textOf(outcome.result.structuredContent.output), 'now\n');
    await close();
  });
});
