// Traffic against the schemas: each tool's own, and where they lie beside the project the protocol's.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { LEGACY, Legacy, MODERN, Modern } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';

const server = await useServer();
const here = dirname(fileURLToPath(import.meta.url));
const schemaDir = process.env.MCP_SCHEMA_DIR ?? resolve(here, '../../../shared/schema');

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

// Request method → name of its result in the protocol's schema.
const results = {
  initialize: 'InitializeResult',
  'server/discover': 'DiscoverResult',
  'tools/list': 'ListToolsResult',
  'tools/call': 'CallToolResult',
  'resources/list': 'ListResourcesResult',
  'resources/templates/list': 'ListResourceTemplatesResult',
  'resources/read': 'ReadResourceResult',
};

describe("the protocol's schema of", () => {
  for (const revision of [...LEGACY, MODERN]) {
    const file = join(schemaDir, `mcp-${revision}.json`);
    test(revision, { skip: !existsSync(file) && 'the schema is not beside the project' }, async () => {
      const schema = JSON.parse(readFileSync(file, 'utf8'));
      const defs = schema.$defs ? '$defs' : 'definitions';
      const ajv = addFormats(new (schema.$defs ? Ajv2020 : Ajv)({ strict: false, allErrors: true }));
      ajv.addSchema(schema, 'mcp');
      const check = (name, value) => {
        const validate = ajv.getSchema(`mcp#/${defs}/${name}`);
        assert.ok(validate, `the schema has no ${name}`);
        assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}`);
      };
      const caller =
        revision === MODERN ? new Modern(server) : await new Legacy(server, { revision }).open();
      if (caller.initialized) check(results.initialize, caller.initialized);
      else check(results['server/discover'], (await caller.request('server/discover')).result);
      const run = { name: 'execute_code', arguments: { command: 'echo x' } };
      const refused = { name: 'get_execution_status', arguments: { execution_id: 'x' } };
      const { execution_id } = JSON.parse((await caller.request('tools/call', run)).result.content[0].text);
      for (const [method, params] of [
        ['tools/list', {}],
        ['tools/call', run],
        ['tools/call', refused],
        ['resources/list', {}],
        ['resources/templates/list', {}],
        ['resources/read', { uri: `exec://${execution_id}/output` }],
      ]) {
        const reply = await caller.request(method, params);
        assert.ok(reply.result, `${method}: ${JSON.stringify(reply.error)}`);
        check(results[method], reply.result);
      }
    });
  }
});
