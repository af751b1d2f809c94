// Prompts, their arguments, and what is suggested for these.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, kinds } from './lib/clients.mjs';
import { LEGACY, Legacy, Modern } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';

const server = await useServer();

for (const kind of kinds)
  test(`${kind.name}: lists them, fills them in and completes their arguments`, async () => {
    const { client, tool } = await connect(kind, server);
    const { prompts } = await client.listPrompts();
    assert.deepEqual(prompts.map((p) => p.name), ['run_and_wait', 'long_job', 'interactive_session']);
    for (const { name, arguments: args } of prompts) {
      const given = Object.fromEntries(args.map((a) => [a.name, `value of ${a.name}`]));
      const { messages } = await client.getPrompt({ name, arguments: given });
      for (const value of Object.values(given)) assert.ok(messages[0].content.text.includes(value), `${name}: ${value}`);
    }
    const command = `echo only by ${kind.name}`;
    await tool('execute_code', { command });
    const complete = async (name, value) => {
      const ref = { type: 'ref/prompt', name };
      return (await client.complete({ ref, argument: { name: 'command', value } })).completion.values;
    };
    assert.deepEqual(await complete('long_job', command.slice(0, -3)), [command]);
    assert.ok((await complete('interactive_session', 'py')).includes('python3'));
    await client.close();
  });

test('what a prompt does not have is refused', async () => {
  const mcp = new Modern(server);
  for (const params of [{ name: 'none' }, { name: 'long_job' }, { name: 'long_job', arguments: { command: 7 } }])
    assert.equal((await mcp.request('prompts/get', params)).error.code, -32602, JSON.stringify(params));
});

test('instructions are short, and name tools that there are', async () => {
  const { result } = await new Modern(server).request('server/discover');
  const { result: list } = await new Modern(server).request('tools/list');
  const named = result.instructions.match(/\b[a-z]+_[a-z_]+\b/g).filter((w) => /^(execute|get|send|read|write|list)_/.test(w));
  assert.ok(named.length > 5);
  for (const name of named) assert.ok(list.tools.some((t) => t.name === name), name);
  assert.ok(result.instructions.length < 1000, `${result.instructions.length} characters`);
  for (const revision of LEGACY) {
    const session = await new Legacy(server, { revision }).open();
    assert.equal(session.initialized.instructions, result.instructions);
    await session.close();
  }
});

test('instructions say what a sandbox does not let last or reach, as it is', async (t) => {
  const said = async (setting) => {
    const own = await useServer(t, { args: ['--set', setting] });
    return (await new Modern(own).request('server/discover')).result.instructions;
  };
  const [none, proxy, without] = await Promise.all(
    ['network=none', 'network=proxy'].map((s) => said(`sandbox.profiles.default.${s}`)).concat(said('sandbox.profile=none')));
  for (const text of [none, proxy]) assert.match(text, /sandbox.*\/tmp does not.*ends with them.*None reaches a port/);
  assert.match(none, /no network/);
  assert.match(proxy, /proxy.*permitted hosts/);
  assert.doesNotMatch(without, /sandbox|network/);
});
