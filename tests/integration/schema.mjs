// Traffic against the schemas: each tool's own, and where they lie beside the project the protocol's. All
// suites are held against the latter (lib/traffic.mjs); here each kind of answer comes at least once.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { LEGACY, Legacy, MODERN, Modern } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { assertTraffic, checked, problemOf, schemaOf } from './lib/traffic.mjs';

const server = await useServer();

describe("a tool's schemas", () => {
  test('are valid JSON Schema 2020-12', async () => {
    const { result } = await new Modern(server).request('tools/list');
    const ajv = addFormats(new Ajv2020({ strict: true, allowUnionTypes: true }));
    for (const tool of result.tools) {
      ajv.addKeyword({ keyword: 'x-mcp-header', schemaType: 'string' });
      for (const schema of [tool.inputSchema, tool.outputSchema])
        assert.ok(ajv.compile(schema), tool.name);
      ajv.removeKeyword('x-mcp-header');
    }
  });

  test('have no member that the documentation does not explain', async () => {
    const read = (name) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
    const known = new Set([...(read('answers') + read('files')).matchAll(/`(\w+)`/g)].map((match) => match[1]));
    const names = ({ properties = {}, items = {} }) => [
      ...Object.entries(properties).flatMap(([name, schema]) => [name, ...names(schema)]),
      ...(items.properties ? names(items) : []),
    ];
    const { result } = await new Modern(server).request('tools/list');
    const members = result.tools.flatMap((tool) => names(tool.outputSchema));
    assert.ok(members.length > 100);
    assert.deepEqual(members.filter((name) => !known.has(name)), []);
  });

  test('take what the contract names as arguments', async () => {
    const { result } = await new Modern(server).request('tools/list');
    const names = Object.fromEntries(
      result.tools.map((t) => [t.name, Object.keys(t.inputSchema.properties).sort().join(' ')]),
    );
    const shared =
      'code command environment idempotency_key interactive language output pty sandbox_config timeout_seconds wait_seconds';
    const sorted = (text) => text.split(' ').sort().join(' ');
    assert.deepEqual(names, {
      execute_code: sorted(`${shared} working_directory wait_for_completion`),
      execute_code_async: sorted(`${shared} working_directory`),
      get_execution_output: sorted('execution_id wait last_event_id wait_ms until output'),
      get_execution_status: sorted('execution_id checksum'),
      send_stdin: sorted('execution_id input_data newline eof input_id'),
      cancel_execution: sorted('execution_id force signal'),
      list_executions: sorted('status limit cursor'),
      read_file: sorted('path execution_id offset limit unit'),
      write_file: sorted('path execution_id content encoding append executable'),
      list_files: sorted('path execution_id recursive limit cursor'),
    });
  });
});

describe("the protocol's schema of", () => {
  for (const revision of [...LEGACY, MODERN]) {
    const skip = !schemaOf(`mcp-${revision}`) && 'the schema is not beside the project';
    test(`${revision} fits all that the server says`, { skip }, async () => {
      const before = checked(revision);
      const caller =
        revision === MODERN ? new Modern(server) : await new Legacy(server, { revision }).open();
      if (!caller.initialized) await caller.request('server/discover');
      const run = { name: 'execute_code', arguments: { command: 'echo x' } };
      const { execution_id } = JSON.parse((await caller.request('tools/call', run)).result.content[0].text);
      const requests = [
        ['tools/list', {}],
        ['tools/call', { name: 'get_execution_status', arguments: { execution_id: 'x' } }],
        ['resources/list', {}],
        ['resources/templates/list', {}],
        ['resources/read', { uri: `exec://${execution_id}/output` }],
        ['prompts/list', {}],
      ];
      for (const [method, params] of requests) {
        const reply = await caller.request(method, params);
        assert.ok(reply.result, `${method}: ${JSON.stringify(reply.error)}`);
      }
      assert.ok((await caller.request('no/such/method', {})).error);
      assert.ok(checked(revision) >= before + requests.length + 3);
      assertTraffic();
    });

    test(`${revision} is told what does not fit`, { skip }, () => {
      const answer = (result) => ({ jsonrpc: '2.0', id: 1, result });
      const isModern = revision === MODERN;
      const cache = isModern && { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
      const good = { tools: [{ name: 'x', inputSchema: { type: 'object' } }], ...cache };
      const problem = (method, message) => problemOf(revision, method, message);
      assert.equal(problem('tools/list', answer(good)), null);
      assert.match(problem('tools/list', answer({ ...good, tools: [{ name: 1 }] })), /ListToolsResult/);
      assert.match(problem('tools/call', answer({ ...cache, content: 'x' })), /CallToolResult/);
      assert.match(problem(undefined, answer({})), /nothing that was asked/);
      assert.match(problem('x/y', answer({})), /no result is known/);
      assert.match(problem('tools/list', { ...answer(good), jsonrpc: '1.0' }), /JSON-RPC 2.0/);
      assert.match(problem('tools/list', { jsonrpc: '2.0', id: 1, error: { code: 'x' } }), /JSONRPCError/);
      assert.match(problem(undefined, { jsonrpc: '2.0', method: 'notifications/none' }), /ServerNotification/);
      assert.match(problem(undefined, { jsonrpc: '2.0', id: 1, method: 'none' }), /ServerRequest/);
      const mismatch = { jsonrpc: '2.0', id: 1, error: { code: -32022, message: 'x' } };
      if (isModern) assert.match(problem('tools/list', mismatch), /UnsupportedProtocolVersionError/);
    });
  }

  const skip = !schemaOf('ext-tasks') && 'the schema is not beside the project';
  test('tasks is told what does not fit', { skip }, () => {
    const task = { resultType: 'complete', taskId: 'x', status: 'wrong' };
    assert.match(problemOf(MODERN, 'tasks/get', { jsonrpc: '2.0', id: 1, result: task }), /GetTaskResult/);
    const notification = { jsonrpc: '2.0', method: 'notifications/tasks', params: {} };
    assert.match(problemOf(MODERN, undefined, notification), /TaskStatusNotification/);
  });
});
