// Holds results against the outputSchema that the server itself publishes for each tool.
import assert from 'node:assert/strict';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const ajv = addFormats(new Ajv2020({ strict: false, allErrors: true }));
const validators = new WeakMap(); // server → tool name → validator

// Clients are told that more members may come in later versions. In this one there are none but those
// the schema names: whoever adds one has to describe it.
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const all = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return schema.properties && !('additionalProperties' in schema) ? { ...all, additionalProperties: false } : all;
}

async function validatorsOf(caller) {
  if (!validators.has(caller.server)) {
    const { result } = await caller.request('tools/list', {});
    const byName = new Map();
    for (const tool of result.tools)
      if (tool.outputSchema) byName.set(tool.name, ajv.compile(closed(tool.outputSchema)));
    // With wait_seconds it answers as execute_code does; its own schema names what is always there.
    byName.set('execute_code_async', byName.get('execute_code'));
    // Revisions before 2025-06-18 know no outputSchema: a caller of a later one asks again.
    if (!byName.get('execute_code')) return new Map();
    validators.set(caller.server, byName);
  }
  return validators.get(caller.server);
}

// A successful result has structured content that conforms, wherever the revision knows such a thing.
export async function checkResult(caller, name, result) {
  const validate = (await validatorsOf(caller)).get(name);
  const knowsIt = caller.revision === undefined || caller.revision >= '2025-06-18';
  if (!validate || !knowsIt) return;
  if (result.isError && result.structuredContent === undefined) return;
  assert.ok(result.structuredContent, `${name}: no structuredContent`);
  assert.ok(
    validate(result.structuredContent),
    `${name}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(result.structuredContent).slice(0, 2000)}`,
  );
}
