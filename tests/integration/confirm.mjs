// Commands that the operator wants confirmed: asked, started at most once, refused where nobody can be asked.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { connect, kinds } from './lib/clients.mjs';
import { Cluster } from './lib/cluster.mjs';
import { LEGACY, Legacy, Modern, textOf } from './lib/mcp.mjs';
import { hasRedis } from './lib/redis.mjs';
import { Server, useServer } from './lib/server.mjs';

const config = 'confirm:\n  commands: ["^danger", "rm +-rf"]\n';
const server = await useServer(null, { config });
const mcp = new Modern(server);
const elicitation = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };
const accept = { action: 'accept', content: { confirm: true } };
const decline = { action: 'decline' };

// One round of a call by hand: without answer, then with one.
const call = (caller, args, more = {}, name = 'execute_code') =>
  caller.request('tools/call', { name, arguments: args, ...more }, { meta: elicitation });
const confirmed = (question, answer = accept) => ({
  requestState: question.result.requestState,
  inputResponses: { confirm: answer },
});

describe('2026-07-28', () => {
  const args = (file) => ({ command: `danger() { echo ran >>${file}; }; danger` });
  const runs = async (file) => textOf((await mcp.run(`cat ${file} 2>/dev/null | wc -l`)).output).trim();

  test('asks first, and starts what was confirmed', async () => {
    const question = await call(mcp, args('one'));
    assert.equal(question.result.resultType, 'input_required');
    assert.match(question.result.inputRequests.confirm.params.message, /danger\(\) \{ echo ran >>one/);
    assert.equal(await runs('one'), '0');
    const { result } = await call(mcp, args('one'), confirmed(question));
    assert.equal(result.structuredContent.exit_code, 0);
    assert.equal(await runs('one'), '1');
  });

  test('starts once, however often and however much at once the confirmation comes', async () => {
    const question = await call(mcp, args('once'));
    const replies = await Promise.all(Array.from({ length: 8 }, () => call(mcp, args('once'), confirmed(question))));
    const ids = new Set(replies.map((r) => r.result.structuredContent.execution_id));
    assert.equal(ids.size, 1);
    assert.equal(await runs('once'), '1');
  });

  test('takes a confirmation for just the call it was given for', async () => {
    const question = await call(mcp, args('other'));
    const state = question.result.requestState;
    const bent = (state[0] === 'A' ? 'B' : 'A') + state.slice(1);
    for (const [reply, what] of [
      [await call(mcp, args('another'), confirmed(question)), 'another command'],
      [await call(mcp, args('other'), confirmed(question), 'execute_code_async'), 'another tool'],
      [await call(mcp, args('other'), { ...confirmed(question), requestState: bent }), 'a changed state'],
    ])
      assert.equal(reply.error?.code, -32602, what);
    assert.deepEqual([await runs('other'), await runs('another')], ['0', '0']);
  });

  test('does not start what was declined', async () => {
    const question = await call(mcp, args('declined'));
    const { result } = await call(mcp, args('declined'), confirmed(question, decline));
    assert.equal(result.isError, true);
    assert.match(result.content[0].text, /did not confirm .* confirm\.commands "\^danger"/);
    assert.equal(await runs('declined'), '0');
  });

  test('refuses a client that can not be asked, and says why', async () => {
    const reply = await mcp.request('tools/call', { name: 'execute_code', arguments: args('refused') });
    assert.equal(reply.status, 400);
    assert.equal(reply.error.code, -32021);
    assert.deepEqual(reply.error.data, { requiredCapabilities: { elicitation: {} } });
    assert.match(reply.error.message, /confirm\.commands "\^danger".*can't be asked/);
  });

  test('makes a task of what was confirmed, for clients that take tasks', async () => {
    const meta = {
      'io.modelcontextprotocol/clientCapabilities': {
        elicitation: {},
        extensions: { 'io.modelcontextprotocol/tasks': {} },
      },
    };
    const params = { name: 'execute_code', arguments: { command: 'danger() { sleep 600; }; danger', wait_seconds: 0 } };
    const question = await mcp.request('tools/call', params, { meta });
    assert.equal(question.result.resultType, 'input_required');
    const { result } = await mcp.request('tools/call', { ...params, ...confirmed(question) }, { meta });
    assert.equal(result.resultType, 'task');
    const again = await mcp.request('tools/call', { ...params, ...confirmed(question) }, { meta });
    assert.equal(again.result.taskId, result.taskId);
    await mcp.cancel(result.taskId, { force: true });
  });

  test('is confirmed at a server that shares the secret', async () => {
    const env = { SANDBOX_STATE_SECRET: 'a secret that both of them know' };
    const servers = [new Server({ env, config }), new Server({ env, config }), new Server({ config })];
    await Promise.all(servers.map((s) => s.start()));
    try {
      const [one, two, stranger] = servers.map((s) => new Modern(s));
      const question = await call(one, { command: 'danger 2>/dev/null; echo ok' });
      const there = await call(two, { command: 'danger 2>/dev/null; echo ok' }, confirmed(question));
      assert.equal(textOf(there.result.structuredContent.output), 'ok\n');
      const no = await call(stranger, { command: 'danger 2>/dev/null; echo ok' }, confirmed(question));
      assert.equal(no.error.code, -32602);
    } finally {
      await Promise.all(servers.map((s) => s.stop()));
    }
  });
});

describe('several replicas', () => {
  test('start once what each of them is told is confirmed', async () => {
    assert.ok(hasRedis, 'redis-server is not installed: run scripts/setup test');
    const cluster = await new Cluster({ replicas: 2, nginx: false, config }).start();
    try {
      const [a, b] = cluster.all().map((one) => new Modern(one));
      for (let round = 0; round < 3; round++) {
        const args = { command: `danger() { echo ${round}; }; danger` };
        const question = await call(a, args);
        const replies = await Promise.all([a, b, a, b].map((one) => call(one, args, confirmed(question))));
        const ids = new Set(replies.map((r) => r.result?.structuredContent?.execution_id ?? JSON.stringify(r.messages)));
        assert.equal(ids.size, 1, [...ids].join(' '));
      }
    } finally {
      await cluster.stop();
    }
  });
});

describe('revisions that know no questions', () => {
  for (const revision of LEGACY)
    test(`${revision}: a client without the capability is refused`, async () => {
      const session = await new Legacy(server, { revision }).open();
      const text = await session.refusal('execute_code', { command: 'rm -rf x' });
      assert.match(text, /confirm\.commands "rm \+-rf".*can't be asked/);
      assert.equal((await session.call('execute_code', { command: 'echo x' })).isError, false);
      await session.close();
    });
});

for (const kind of kinds)
  test(`${kind.name}: its user is asked`, async () => {
    const asked = [];
    let answer = accept;
    const onElicit = async (request) => {
      asked.push(request.params.message);
      return answer;
    };
    const setUp = (client) =>
      client.setRequestHandler(kind.name.startsWith('SDK 1') ? ElicitRequestSchema : 'elicitation/create', onElicit);
    const { client, tool } = await connect(kind, server, { capabilities: { elicitation: {} }, setUp });
    const command = 'danger() { echo ran; }; danger';
    const result = await tool('execute_code', { command });
    assert.equal(textOf(result.output), 'ran\n');
    assert.equal(asked.length, 1);
    assert.match(asked[0], /danger\(\) \{ echo ran/);
    answer = decline;
    const declined = await kind.call(client, { name: 'execute_code', arguments: { command } });
    assert.equal(declined.isError, true);
    assert.equal(asked.length, 2);
    await client.close();
  });

test('the log says who was asked by which rule, and no command', () => {
  const text = server.log;
  assert.match(text, /confirmation.*answer=asked.*rule=/);
  assert.match(text, /confirmation.*answer=no/);
  assert.doesNotMatch(text, /echo ran/);
});
