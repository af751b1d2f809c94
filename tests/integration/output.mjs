// get_execution_output: cursors, waits and shaping.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { Modern, bytesOf, readAll, textOf } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { elapsedMs, slowness, within } from './lib/until.mjs';

const server = await useServer(null, { args: ['--max-concurrent', '20'] });
const mcp = new Modern(server);
const lines = (n, of = (i) => `line ${i}`) => Array.from({ length: n }, (_, i) => `${of(i + 1)}\n`).join('');
const count = 'i=1; while [ $i -le N ]; do echo "line $i"; i=$((i+1)); done';
const counting = (n) => count.replace('N', n);

async function finished(command, args) {
  const id = await mcp.start(command, args);
  await mcp.output(id, { wait: true, output: { max_bytes: 1024 } });
  return id;
}

describe('a cursor', () => {
  test('reads every byte once and in order, page by page', async () => {
    const id = await finished('seq 1 60000');
    const { events, polls } = await readAll(mcp, id);
    const bytes = bytesOf(events);
    const status = await mcp.status(id);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), status.stdout_sha256);
    assert.ok(polls > 1, 'one reply held it all: nothing was paged');
    const ids = events.map((e) => e.event_id);
    assert.equal(new Set(ids).size, ids.length);
  });

  test('brings only what came after last_event_id', async () => {
    const id = await mcp.start('echo a; read x; echo b; read x', { interactive: true });
    const first = await mcp.output(id, { wait_ms: 5000, until: 'a' });
    assert.equal(textOf(first.output), 'a\n');
    await mcp.stdin(id, '');
    const second = await mcp.output(id, { wait_ms: 5000, until: 'b', last_event_id: first.next_event_id });
    assert.equal(textOf(second.output), 'b\n');
    await mcp.stdin(id, '');
    await mcp.ended(id);
  });

  test('at the end brings nothing twice', async () => {
    const id = await finished('echo x');
    const all = await mcp.output(id);
    const again = await mcp.output(id, { last_event_id: all.next_event_id });
    assert.deepEqual(again.output, []);
    assert.equal(again.next_event_id, all.next_event_id);
    assert.equal(again.bytes_dropped, 0);
  });

  test('that is none is refused by name', async () => {
    const id = await finished('echo x');
    assert.match(await mcp.refusal('get_execution_output', { execution_id: id, last_event_id: 'abc' }), /last_event_id/);
  });
});

describe('a wait', () => {
  test('of wait_ms ends with the first new output', async () => {
    const id = await mcp.start('until [ -e go ]; do sleep 0.02; done; echo now; sleep 600');
    const waiting = mcp.output(id, { wait_ms: 20_000, last_event_id: (await mcp.output(id)).next_event_id });
    await mcp.run('touch go');
    const page = await within('the wait', 5000, waiting);
    assert.equal(textOf(page.output), 'now\n');
    assert.equal(page.status, 'running');
    await mcp.cancel(id, { force: true });
  });

  test('of wait_ms ends when the time is up', async () => {
    const id = await mcp.start('sleep 600');
    const { next_event_id } = await mcp.output(id, { wait_ms: 5000 });
    let page;
    const ms = await elapsedMs(async () => {
      page = await mcp.output(id, { wait_ms: 300, last_event_id: next_event_id });
    });
    assert.deepEqual([page.status, page.output], ['running', []]);
    assert.ok(ms >= 295 && ms < 2000 * slowness, `${ms} ms`);
    await mcp.cancel(id, { force: true });
  });

  test('with until goes on over output that does not match', async () => {
    const id = await mcp.start('echo wrong; sleep 0.2; echo port 8123; sleep 600');
    const page = await within('the wait', 5000, mcp.output(id, { wait_ms: 20_000, until: 'port [0-9]+' }));
    assert.match(textOf(page.output), /port 8123/);
    assert.equal(page.status, 'running');
    await mcp.cancel(id, { force: true });
  });

  test('with wait lasts until the end', async () => {
    const id = await mcp.start('echo a; sleep 0.3; echo b');
    const page = await mcp.output(id, { wait: true });
    assert.equal(page.status, 'completed');
    assert.equal(textOf(page.output), 'a\nb\n');
    assert.equal(page.exit_code, 0);
    assert.equal(page.reason, 'exited');
  });

  test('for a regular expression that is none is refused', async () => {
    const id = await finished('echo x');
    assert.match(await mcp.refusal('get_execution_output', { execution_id: id, wait_ms: 1, until: '(' }), /until/);
  });
});

describe('shaping', () => {
  const shaped = (command, output, args) => mcp.call('execute_code', { command, output, ...args });
  const shapedText = async (command, output) => textOf((await shaped(command, output)).structuredContent.output);

  test('without a wish keeps head and tail of a long output and says what is left out', async () => {
    const result = await shaped('seq 1 100000', undefined);
    const text = result.content[0].text;
    assert.ok(text.length < 200_000, `${text.length} characters`);
    const seen = textOf(result.structuredContent.output);
    assert.ok(seen.startsWith('1\n2\n'));
    assert.ok(seen.endsWith('99999\n100000\n'));
    assert.match(text, /left.out|omitted|truncated/i);
  });

  test('max_bytes bounds a reply and keeps whole lines', async () => {
    const result = await shaped(counting(500), { max_bytes: 1000 });
    const seen = textOf(result.structuredContent.output);
    assert.ok(seen.length <= 1000, `${seen.length} bytes`);
    for (const line of seen.trimEnd().split('\n')) assert.match(line, /^line \d+$/);
  });

  test('head_lines and tail_lines keep the begin and the end', async () => {
    assert.equal(await shapedText(counting(50), { head_lines: 2 }), lines(2));
    assert.equal(await shapedText(counting(50), { tail_lines: 2 }), 'line 49\nline 50\n');
    assert.equal(await shapedText(counting(50), { head_lines: 1, tail_lines: 1 }), 'line 1\nline 50\n');
  });

  test('grep keeps the lines that match, with context around them', async () => {
    assert.equal(await shapedText(counting(50), { grep: 'line 4[01]$' }), 'line 40\nline 41\n');
    assert.equal(await shapedText(counting(9), { grep: '5', context: 1 }), 'line 4\nline 5\nline 6\n');
  });

  test('strip_ansi takes escape sequences out', async () => {
    const command = "printf '\\033[31mred\\033[0m \\033]0;title\\007plain\\n'";
    assert.equal(await shapedText(command, { strip_ansi: true }), 'red plain\n');
  });

  test('dedupe says a repeated line once and how often', async () => {
    const text = await shapedText('for i in 1 2 3 4 5; do echo same; done; echo other', { dedupe: true });
    assert.equal(text.match(/same/g).length, 1);
    assert.match(text, /5|4/);
    assert.match(text, /other/);
  });

  test('format text is what a model reads: plain output and one closing line', async () => {
    const result = await shaped('printf \'say "hi"\\n\'; echo oops >&2; exit 3', { format: 'text' });
    const text = result.content[0].text;
    assert.ok(text.includes('say "hi"\n'), text);
    assert.ok(text.includes('oops'), text);
    assert.match(text.trimEnd().split('\n').at(-1), /3/);
    assert.ok(!text.includes('event_id'));
  });

  test('refuses a regular expression that is none', async () => {
    assert.match(await mcp.refusal('execute_code', { command: ':', output: { grep: '(' } }), /grep/);
  });
});

describe('the whole output', () => {
  test('is readable as a resource', async () => {
    const id = await finished(counting(20000));
    const { result } = await mcp.request('resources/read', { uri: `exec://${id}/output` });
    const [content] = result.contents;
    assert.equal(content.uri, `exec://${id}/output`);
    assert.ok(content.text.startsWith(lines(100)));
  });

  test('of an unknown execution is not found', async () => {
    const uri = 'exec://none-aaaaaaaaaaaaaaaaaaaaaaaaaa/output';
    const { error } = await mcp.request('resources/read', { uri });
    assert.equal(error.code, -32602);
    assert.equal(error.data.uri, uri);
  });
});
