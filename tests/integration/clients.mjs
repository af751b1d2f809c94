// The official clients, each doing what an agent does: list, run, start and poll, type, cancel.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect, kinds } from './lib/clients.mjs';
import { Modern, textOf } from './lib/mcp.mjs';
import { Server } from './lib/server.mjs';
import { slowness, until, within } from './lib/until.mjs';

for (const kind of kinds)
  describe(kind.name, () => {
    let server;
    let agent;

    before(async () => {
      server = await new Server({ args: ['--max-per-session', '10'] }).start();
      agent = await connect(kind, server);
    });
    after(() => server.stop());

    test('connects and lists the tools', async () => {
      const { tools } = await agent.client.listTools();
      assert.equal(tools.length, 10);
      if (kind.negotiated) assert.equal(agent.client.getNegotiatedProtocolVersion(), kind.negotiated);
      assert.equal(agent.client.getServerVersion().name, 'mcp-execd');
      assert.match(agent.client.getInstructions() ?? '', /execut/i);
    });

    test('runs a command and gets its end', async () => {
      const r = await agent.tool('execute_code', { command: 'echo hello; exit 3' });
      assert.equal(textOf(r.output), 'hello\n');
      assert.deepEqual([r.status, r.exit_code], ['completed', 3]);
    });

    test('starts a command and polls it, each event once', async () => {
      const command = 'for i in 1 2 3 4 5; do echo $i; sleep 0.15; done';
      const { execution_id } = await agent.tool('execute_code_async', { command });
      const seen = [];
      let page = { status: 'running' };
      let cursor;
      while (page.status === 'running' || page.output.length > 0) {
        page = await agent.tool('get_execution_output', {
          execution_id,
          wait_ms: 5000,
          ...(cursor !== undefined && { last_event_id: cursor }),
        });
        seen.push(...page.output);
        cursor = page.next_event_id;
      }
      assert.equal(textOf(seen), '1\n2\n3\n4\n5\n');
      assert.equal(new Set(seen.map((e) => e.event_id)).size, seen.length);
      assert.equal(page.exit_code, 0);
    });

    test('types into a command', async () => {
      const { execution_id } = await agent.tool('execute_code_async', {
        command: 'read name; echo "hello $name"',
        interactive: true,
      });
      assert.equal((await agent.tool('send_stdin', { execution_id, input_data: 'world' })).success, true);
      const end = await agent.tool('get_execution_output', { execution_id, wait: true });
      assert.equal(textOf(end.output), 'hello world\n');
    });

    test('cancels a command', async () => {
      const { execution_id } = await agent.tool('execute_code_async', { command: 'sleep 600' });
      const r = await agent.tool('cancel_execution', { execution_id });
      assert.deepEqual([r.success, r.was_running], [true, true]);
      await agent.tool('get_execution_output', { execution_id, wait: true });
      const status = await agent.tool('get_execution_status', { execution_id });
      assert.deepEqual([status.status, status.signal], ['cancelled', 'SIGTERM']);
    });

    test('ends a command by giving up the call', async () => {
      const gone = new AbortController();
      const call = agent.tool('execute_code', { command: 'sleep 601' }, { signal: gone.signal });
      call.catch(() => {}); // looked at below; until then it is not unhandled
      const running = async () => (await agent.tool('list_executions', { status: 'running' })).executions;
      const [{ id }] = await until('it to run', async () => {
        const list = await running();
        return list.length > 0 && list;
      });
      gone.abort('enough');
      await assert.rejects(call);
      const status = await until('the end', async () => {
        const s = await agent.tool('get_execution_status', { execution_id: id });
        return s.status !== 'running' && s;
      });
      assert.equal(status.status, 'cancelled');
    });

    test('hears of progress', async () => {
      const heard = [];
      const command = 'for i in 1 2 3 4; do echo $i; sleep 0.5; done'; // it comes every second
      await agent.tool('execute_code', { command }, { onprogress: (p) => heard.push(p.progress) });
      assert.ok(heard.length >= 1, 'no progress');
      for (let i = 1; i < heard.length; i++) assert.ok(heard[i] > heard[i - 1], heard.join());
    });

    test('gets an error to act on for an unknown execution', async () => {
      const result = await kind.call(agent.client, {
        name: 'get_execution_status',
        arguments: { execution_id: 'none-aaaaaaaaaaaaaaaaaaaaaaaaaa' },
      });
      assert.equal(result.isError, true);
      assert.match(result.content[0].text, /Execution not found/);
    });

    test('goes on after the server was killed and started again', async () => {
      const command = 'echo before; sleep 1; echo after; exit 5';
      const { execution_id } = await agent.tool('execute_code_async', { command });
      const session = agent.transport.sessionId;
      await server.restart();
      if (!kind.keepsSession) {
        await agent.client.close(); // else it goes on trying to connect again
        agent = await connect(kind, server);
      }
      const page = await within(
        'the end',
        20_000 * slowness,
        until('an answer', () =>
          // A request on a connection that the old server left behind fails once.
          agent.tool('get_execution_output', { execution_id, wait: true }).catch(() => null),
        ),
      );
      assert.equal(textOf(page.output), 'before\nafter\n');
      assert.equal(page.exit_code, 5);
      if (kind.keepsSession) assert.equal(agent.transport.sessionId, session);
    });

    test('closes', async () => {
      await agent.client.close();
      assert.equal((await new Modern(server).run('true')).exit_code, 0);
    });
  });
