// nginx in front of replicas that share nothing: so a right answer shows that the right one was asked.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connect2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as v2 from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as Sse1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { Cluster, useCluster } from './lib/cluster.mjs';
import { LEGACY, Legacy, Modern, MODERN, textOf } from './lib/mcp.mjs';
import { generator, hasNginx, Nginx } from './lib/nginx.mjs';
import { freePort } from './lib/ports.mjs';
import { rawPost, rawRequest } from './lib/raw.mjs';
import { slowness, until, within } from './lib/until.mjs';

assert.ok(hasNginx, 'nginx is not installed: run scripts/setup test');

const info = { name: 'integration-test', version: '1' };
const replicaOf = (id) => id.split('-')[0];
const alone = { redis: false, args: ['--max-concurrent', '50', '--max-per-session', '50'] };
const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const random = 'abcdefghijklmnopqrstuvwxyz'; // 26, as of an id

describe('a request is passed', () => {
  let cluster;
  let mcp;
  before(async () => {
    cluster = await new Cluster(alone).start();
    mcp = new Modern(cluster);
  });
  after(() => cluster.stop());

  test('to the replica that has the fewest under way, when it names nobody', async () => {
    const calls = Array.from({ length: 9 }, () => mcp.run('sleep 1.5'));
    const count = {};
    for (const { execution_id } of await Promise.all(calls))
      count[replicaOf(execution_id)] = (count[replicaOf(execution_id)] ?? 0) + 1;
    assert.deepEqual(count, { r1: 3, r2: 3, r3: 3 });
  });

  for (const revision of LEGACY.slice(1))
    test(`to the owner of its session, in ${revision}`, async () => {
      const owners = new Set();
      for (let i = 0; i < 6; i++) {
        const client = await new Legacy(cluster, { revision }).open();
        const start = async () => JSON.parse((await client.call('execute_code_async', { command: 'true' })).content[0].text);
        const ids = (await Promise.all(Array.from({ length: 4 }, start))).map((r) => r.execution_id);
        assert.deepEqual(ids.map(replicaOf), Array(4).fill(replicaOf(client.session)));
        owners.add(replicaOf(client.session));
        assert.equal((await client.close()).status, 204);
        assert.equal((await client.request('ping')).status, 404, 'DELETE went elsewhere');
      }
      assert.equal(owners.size, 3, `sessions began on ${[...owners]}`);
    });

  test('to the owner of the channel, with the transport of 2024-11-05', async () => {
    const clients = [];
    for (const path of ['/mcp/sse', '/sse', '/mcp/sse', '/sse']) {
      const client = new Client1(info);
      await client.connect(new Sse1(new URL(cluster.base + path)));
      clients.push(client);
    }
    const seen = new Set();
    for (const client of clients) {
      const ids = new Set();
      for (let i = 0; i < 4; i++) {
        const r = await client.callTool({ name: 'execute_code', arguments: { command: 'echo hello' } });
        assert.equal(textOf(r.structuredContent.output), 'hello\n');
        ids.add(replicaOf(r.structuredContent.execution_id));
      }
      assert.equal(ids.size, 1);
      seen.add(...ids);
      await client.close();
    }
    assert.ok(seen.size > 1, 'all on one');
  });

  test('to the owner of a resource that is read', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, (_, i) => mcp.start(`echo ${i}`)));
    assert.equal(new Set(ids.map(replicaOf)).size, 3);
    for (const [i, id] of ids.entries()) {
      const uri = `exec://${id}/output`;
      const text = await until('its output', async () => {
        const { result, error } = await mcp.request('resources/read', { uri });
        assert.ok(result, `${id}: ${JSON.stringify(error)}`);
        return result.contents[0].text;
      });
      assert.equal(text, `${i}\n`);
    }
  });

  test('to the owner of a task', async () => {
    const headers = (method, id) => ({ 'mcp-method': method, 'mcp-name': id });
    for (const name of ['r1', 'r2', 'r3', 'r2'])
      for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
        const taskId = `${name}-${random}`;
        const ask = () => mcp.request(method, { taskId }, { headers: headers(method, taskId) });
        const [{ owner, upstream }] = await cluster.nginx.logOf(ask);
        assert.deepEqual([owner, upstream], [name, cluster.addresses()[name]]);
      }
  });

  test('not by a session when its revision has none', async () => {
    const seen = new Set();
    for (let i = 0; i < 6; i++) {
      const headers = { 'mcp-session-id': `r1-${random}` };
      seen.add((await mcp.tool('execute_code', { command: 'true' }, { headers })).execution_id.split('-')[0]);
    }
    assert.equal(seen.size, 3);
  });

  test('somewhere whatever it names, and no name is looked up', async () => {
    const hostile = ['r9', 'r11', 'mcp_any', 'mcp_of_r1', 'evil.example:80', '127.0.0.1:1', '$host', '../r1', 'R1',
      `r1-${random};`, `r1-${random}\x80\xff`, `-${random}`, `r1-r2-${random}`, `xr1-${random}`, 'é'.repeat(10),
      `${'a'.repeat(25)}-${random}`, 'x'.repeat(7000), `exec://exec://r1-${random}/output`, '=?base64?cjE=?='];
    for (const value of hostile.flatMap((v) => [v, `${v}-${random}`])) {
      const [{ status, owner, upstream }] = await cluster.nginx.logOf(() =>
        rawPost(cluster, ping, { 'Mcp-Session-Id': value }),
      );
      assert.ok([400, 404].includes(status), `${value}: ${status}`);
      assert.ok(Object.values(cluster.addresses()).includes(upstream), `${value}: upstream ${upstream}`);
      assert.ok(!/^r[123]$/.test(owner), `${value}: owner ${owner}`);
    }
    assert.doesNotMatch(cluster.nginx.errors(), /resolver|could not be resolved|no host|invalid/);
  });

  test('and read whole first, up to the size that mcp-execd takes', async () => {
    const message = JSON.stringify(mcp.message('server/discover'));
    const post = (size) =>
      rawPost(cluster, message + ' '.repeat(size - message.length), { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': 'server/discover' });
    assert.equal((await post(4 << 20)).status, 200);
    const refused = () => cluster.nginx.requests().find(({ status }) => status === 413);
    assert.equal((await post((4 << 20) + 1)).status, 413);
    assert.equal((await until('the access log', refused)).upstream, '-', 'a replica was bothered');
  });

  test('and nothing else is served', async () => {
    for (const path of ['/health', '/health/live', '/health/ready'])
      assert.equal((await cluster.get(path)).status, 200, path);
    for (const path of ['/metrics', '/', '/mcp/', '/mcp/x', '/health/x', '/sse/x', '/mcp/..%2fmetrics', '//metrics'])
      assert.equal((await cluster.get(path)).status, 404, path);
    assert.equal((await cluster.get('/.well-known/oauth-protected-resource/mcp')).status, 404);
    const host = `GET /mcp HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`;
    assert.equal((await rawRequest(cluster, host)).status, 403);
  });

  test('and leaves no id, token or query in the access log', async () => {
    const secret = 'a-token-for-the-log';
    const [{ method, uri, owner }] = await cluster.nginx.logOf(() =>
      cluster.get(`/mcp?sessionId=r1-${random}&access_token=${secret}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}` },
      }),
    );
    assert.deepEqual([method, uri, owner], ['POST', '/mcp', 'r1']);
    const log = cluster.nginx.read('access.log');
    assert.ok(log.length > 1000);
    assert.doesNotMatch(log, new RegExp(`${secret}|${random}|sessionId|Bearer`));
  });
});

describe('a stream', () => {
  let cluster;
  before(async () => {
    cluster = await new Cluster({ ...alone, args: [...alone.args, '--set', 'server.heartbeat=200ms'] }).start();
  });
  after(() => cluster.stop());

  // The times at which pieces of it arrive.
  async function listen(t) {
    const gone = new AbortController();
    t.after(() => gone.abort());
    const response = await cluster.get('/mcp/sse', { signal: gone.signal, headers: { accept: 'text/event-stream' } });
    assert.equal(response.status, 200);
    const times = [];
    (async () => {
      for await (const piece of response.body) if (piece.length > 0) times.push(performance.now());
    })().catch(() => {});
    return times;
  }

  test('arrives as it is written', async (t) => {
    const times = await listen(t);
    await until('ticks', () => times.length > 15);
    const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
    const median = gaps[gaps.length >> 1];
    assert.ok(median > 120 && median < 350 * slowness, `median of ${gaps.map(Math.round)}`);
  });

  test('goes on over a reload, and new requests follow the new list', async (t) => {
    const times = await Promise.all([listen(t), listen(t), listen(t)]);
    await until('ticks', () => times.every((list) => list.length > 2));
    const { r3, ...others } = cluster.addresses();
    await cluster.nginx.reload(others);
    t.after(() => cluster.nginx.reload({ ...others, r3 }));
    const counts = times.map((list) => list.length);
    await until('more ticks on each', () => times.every((list, i) => list.length > counts[i] + 3));
    // A connection that a client keeps may reach an old worker once more.
    const mcp = new Modern(cluster);
    await until('eight in a row on the others', async () => {
      const seen = new Set();
      for (let i = 0; i < 8; i++) seen.add(replicaOf((await mcp.run('true')).execution_id));
      return [...seen].sort().join() === 'r1,r2';
    });
  });

  test('of a call whose client goes away ends the call', async () => {
    const gone = new AbortController();
    const mcp = new Modern(cluster);
    const call = mcp.tool('execute_code', { command: 'sleep 602' }, { signal: gone.signal });
    call.catch(() => {});
    const all = cluster.all().map((server) => new Modern(server));
    const find = async () => {
      const lists = await Promise.all(all.map((one) => one.tool('list_executions')));
      return lists.flatMap(({ executions }) => executions).find((e) => e.command === 'sleep 602');
    };
    await until('it to run', async () => (await find())?.status === 'running');
    gone.abort();
    await assert.rejects(call);
    await until('it to be cancelled', async () => (await find()).status === 'cancelled');
  });
});

describe('a replica', () => {
  const count = (file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []);

  test('that is killed is replaced by the next, and nothing is sent twice', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'mcp-execd-once-'));
    chmodSync(dir, 0o777); // commands have a user of their own
    t.after(() => rmSync(dir, { recursive: true }));
    const config = `sandbox:\n  profiles:\n    default:\n      writable: [${dir}]\n`;
    const cluster = await useCluster(t, { ...alone, config });
    const file = join(dir, 'starts');
    const mcp = new Modern(cluster);
    const session = await new Legacy(cluster).open();
    const owner = replicaOf(session.session);

    // Under way on each replica: what was sent to the one that dies is answered with 502, once.
    const calls = Array.from({ length: 9 }, (_, i) =>
      mcp.request('tools/call', { name: 'execute_code', arguments: { command: `umask 0; echo ${i} >>${file}; sleep 2` } }),
    );
    await until('nine to run', () => count(file).length === 9);
    await cluster.servers[owner].kill();
    const statuses = (await Promise.all(calls)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [...Array(6).fill(200), ...Array(3).fill(502)]);
    assert.equal(count(file).length, 9, 'a call was sent twice');

    // What names the dead one is answered by another, always the same; what names nobody goes on.
    const lines = await cluster.nginx.logOf(async () => {
      for (let i = 0; i < 6; i++) assert.equal((await session.request('ping')).status, 404);
    }, 6);
    const next = new Set(lines.map(({ upstream }) => upstream.split(', ').at(-1)));
    assert.equal(next.size, 1, [...next].join());
    for (let i = 0; i < 12; i++) assert.equal((await mcp.run(`umask 0; echo more >>${file}`)).exit_code, 0);
    assert.equal(count(file).length, 21);

    // It is back: within seconds it is asked again.
    await cluster.servers[owner].start();
    await until('it to be asked', async () => (await session.request('ping')).status === 200);
  });

  test('without an owner or its next is no end: the third answers', async (t) => {
    const cluster = await useCluster(t, alone);
    await Promise.all([cluster.servers.r1.kill(), cluster.servers.r2.kill()]);
    const session = await new Legacy(cluster).open();
    assert.equal(replicaOf(session.session), 'r3');
    const reply = await rawPost(cluster, ping, { 'Mcp-Session-Id': `r1-${random}` });
    assert.equal(reply.status, 404); // r3 does not know it
  });

  test('is asked even if all refused a moment ago', async (t) => {
    const cluster = await useCluster(t, alone);
    const all = Object.values(cluster.servers);
    const status = async () => (await cluster.get('/health')).status;
    await Promise.all(all.map((server) => server.kill()));
    for (let i = 0; i < 6; i++) assert.equal(await status(), 502);
    await cluster.servers.r3.start();
    for (let i = 0; i < 6; i++) assert.equal(await status(), 200); // now, not when two seconds are over
  });

  test('that takes no new work hands it on before anything ran', async (t) => {
    // r1 has too little disk space for any work, which only /health/ready tells.
    const optionsOf = (name) =>
      name === 'r1' ? { config: 'retention:\n  min_free: 1000TiB\n', isReady: false } : {};
    const cluster = await useCluster(t, { ...alone, optionsOf });
    const mcp = new Modern(cluster);
    await until('r1 not to be ready', async () => (await cluster.servers.r1.get('/health/ready')).status === 503);
    const runs = [];
    for (let i = 0; i < 6; i++) runs.push(mcp.run('true'), mcp.start('true').then((id) => ({ execution_id: id })));
    for (const { execution_id } of await Promise.all(runs)) assert.notEqual(replicaOf(execution_id), 'r1');
    assert.ok(cluster.nginx.requests().some(({ upstream }) => upstream.startsWith(`127.0.0.1:${cluster.servers.r1.port}`)), 'r1 was never asked');
    // A session of r1 too: the other one, which shares nothing here, does not know it.
    const old = await new Legacy(cluster.servers.r1).open();
    old.server = cluster;
    const reply = await old.request('tools/call', { name: 'execute_code_async', arguments: { command: 'true' } });
    assert.equal(reply.status, 404);
    assert.equal((await old.request('ping')).status, 200, 'what needs no room stays');
    for (let i = 0; i < 4; i++) assert.equal((await cluster.get('/health/ready')).status, 200);
    // Who asks it directly is told in words.
    assert.match(await new Modern(cluster.servers.r1).refusal('execute_code', { command: 'true' }), /disk space/);
  });

  test('is one of several that take no new work: then the answer says why', async (t) => {
    const cluster = await useCluster(t, { ...alone, optionsOf: () => ({ config: 'retention:\n  min_free: 1000TiB\n', isReady: false }) });
    await until('none to be ready', async () => (await cluster.get('/health/ready')).status === 503);
    assert.match(await new Modern(cluster).refusal('execute_code', { command: 'true' }), /disk space/);
  });

  test('that drains finishes what it has, and new work goes elsewhere', async (t) => {
    const cluster = await useCluster(t, alone);
    const mcp = new Modern(cluster);
    const calls = Array.from({ length: 12 }, () => mcp.run('sleep 2; echo whole'));
    const running = async (server) => (await new Modern(server).tool('list_executions', { status: 'running' })).executions.length;
    await until('each to run four', async () => (await Promise.all(cluster.all().map(running))).every((n) => n === 4));
    cluster.servers.r2.signal('SIGTERM');
    for (let i = 0; i < 20; i++) assert.notEqual(replicaOf((await mcp.run('true')).execution_id), 'r2');
    const ends = await Promise.all(calls);
    assert.deepEqual(ends.map((r) => textOf(r.output)), Array(12).fill('whole\n'));
    assert.equal(ends.filter((r) => replicaOf(r.execution_id) === 'r2').length, 4);
    assert.deepEqual(await cluster.servers.r2.exit, { code: 0, signal: null });
  });
});

test('replicas are replaced one after the other and no request fails', async (t) => {
  const cluster = await useCluster(t, alone);
  let isOver = false;
  let count = 0;
  const loop = async () => {
    for (const mcp = new Modern(cluster); !isOver; count++) {
      const { status, result } = await mcp.request('tools/call', { name: 'execute_code', arguments: { command: 'true' } });
      assert.deepEqual([status, result?.isError], [200, false], JSON.stringify(result));
    }
  };
  const loops = Promise.all(Array.from({ length: 6 }, loop));
  loops.catch(() => {}); // looked at below
  for (const [i, server] of cluster.all().entries()) {
    const before = count;
    server.signal(i === 1 ? 'SIGTERM' : 'SIGUSR2');
    await server.exit;
    await until('some to be served without it', () => count > before + 10);
    await server.start();
  }
  isOver = true;
  await loops;
  assert.ok(count > 30);
});

describe('with server.execution_id_header', () => {
  const config = 'server:\n  execution_id_header: true\n';
  const nginx = { args: ['--execution-id-header'] };

  test('polls of the official client find the owner', async (t) => {
    const cluster = await useCluster(t, { ...alone, config, nginx });
    for (const mode of ['auto', { pin: MODERN }]) {
      const client = new v2.Client(info, { versionNegotiation: { mode } });
      await client.connect(new v2.StreamableHTTPClientTransport(new URL(cluster.endpoint)));
      await client.listTools();
      const tool = async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent;
      const seen = new Set();
      for (let i = 0; i < 6; i++) {
        const { execution_id } = await tool('execute_code_async', { command: 'read x; echo "got $x"', interactive: true });
        assert.equal((await tool('send_stdin', { execution_id, input_data: 'it' })).success, true);
        assert.equal(textOf((await tool('get_execution_output', { execution_id, wait: true })).output), 'got it\n');
        assert.equal((await tool('get_execution_status', { execution_id })).exit_code, 0);
        seen.add(replicaOf(execution_id));
      }
      assert.equal(seen.size, 3);
      await client.close();
    }
  });

  test('a header that is missing, wrong or twice is refused, and older revisions need none', async (t) => {
    const cluster = await useCluster(t, { ...alone, replicas: 1, config, nginx });
    const mcp = new Modern(cluster);
    const execution_id = await mcp.start('true');
    const status = async (value, revision = MODERN) => {
      const body = JSON.stringify(mcp.message('tools/call', { name: 'get_execution_status', arguments: { execution_id } }));
      const { status, body: text } = await rawPost(cluster, body, {
        'MCP-Protocol-Version': revision, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'get_execution_status', 'Mcp-Param-Execution-Id': value,
      });
      return [status, JSON.parse(text).error?.code];
    };
    assert.deepEqual(await status(execution_id), [200, undefined]);
    assert.deepEqual(await status(`=?base64?${Buffer.from(execution_id).toString('base64')}?=`), [200, undefined]);
    for (const bad of [null, `r1-${random}`, '', [execution_id, execution_id], `${execution_id}x`])
      assert.deepEqual(await status(bad), [400, -32020], String(bad));
    const { result } = await mcp.request('tools/list');
    for (const { name, inputSchema } of result.tools)
      assert.equal(inputSchema.properties.execution_id?.['x-mcp-header'], inputSchema.properties.execution_id && 'Execution-Id', name);
    const old = await new Legacy(cluster).open();
    assert.equal((await old.status(await old.start('true'))).interactive, false);
    assert.doesNotMatch(JSON.stringify((await old.request('tools/list')).result), /x-mcp-header/);
  });
});

test('with --round-robin each request goes to the next, whatever it names', async (t) => {
  const cluster = await useCluster(t, { ...alone, nginx: { args: ['--round-robin'] } });
  const ask = async () => {
    for (let i = 0; i < 6; i++) await rawPost(cluster, ping, { 'Mcp-Session-Id': `r1-${random}` });
  };
  const upstreams = (await cluster.nginx.logOf(ask, 6)).map(({ upstream }) => upstream);
  assert.equal(new Set(upstreams.slice(0, 3)).size, 3);
  assert.deepEqual(upstreams.slice(0, 3), upstreams.slice(3));
  // A channel is an open connection.
  const channel = `/mcp/sse?sessionId=r2-${random}`;
  const post = `POST ${channel} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${ping.length}\r\nConnection: close\r\n\r\n${ping}`;
  const [{ upstream }, again] = await cluster.nginx.logOf(async () => {
    await rawRequest(cluster, post);
    await rawRequest(cluster, post);
  }, 2);
  assert.deepEqual([upstream, again.upstream], Array(2).fill(cluster.addresses().r2));
});

test('TLS and HTTP/2 for clients, one name and no other', async (t) => {
  const made = spawnSync('openssl', ['version']);
  if (made.error) return t.skip('openssl is not installed');
  const port = await freePort();
  const edit = ({ dir }) => {
    const names = ['-subj', '/CN=exec.example.com', '-addext', 'subjectAltName=DNS:exec.example.com'];
    const run = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-days', '2', '-keyout', `${dir}/exec.example.com.key`, '-out', `${dir}/exec.example.com.pem`, ...names]);
    assert.equal(run.status, 0, String(run.stderr));
    const tls = readFileSync(generator.replace(/mcp-execd-nginx$/, 'mcp-execd-tls.conf'), 'utf8');
    writeFileSync(`${dir}/tls.conf`, tls.replace(/listen \[::\].*\n/g, '').replaceAll('listen 443', `listen 127.0.0.1:${port}`));
    const main = readFileSync(`${dir}/nginx.conf`, 'utf8');
    writeFileSync(`${dir}/nginx.conf`, main.replace(/\}\s*$/, '    include tls.conf;\n}\n'));
  };
  const cluster = await useCluster(t, { ...alone, config: 'server:\n  allowed_hosts: [exec.example.com]\n', nginx: { edit } });
  const mcp = new Modern(cluster);
  const post = (session, authority) =>
    within('a reply', 15_000, new Promise((done, failed) => {
      const message = mcp.message('tools/call', { name: 'execute_code', arguments: { command: 'echo over 2' } });
      const request = session.request({ ...mcp.headers, ...mcp.headersOf(message), ':method': 'POST', ':path': '/mcp', ':authority': authority });
      let text = '';
      let status;
      request.on('response', (headers) => (status = headers[':status']));
      request.setEncoding('utf8').on('data', (piece) => (text += piece)).on('end', () => done({ status, text })).on('error', failed);
      request.end(JSON.stringify(message));
    }));
  const open = (servername) => {
    const session = connect2(`https://127.0.0.1:${port}`, { servername, ca: readFileSync(`${cluster.nginx.dir}/exec.example.com.pem`) });
    t.after(() => session.destroy());
    return session;
  };
  const session = open('exec.example.com');
  const { status, text } = await post(session, 'exec.example.com');
  assert.equal(status, 200);
  assert.equal(textOf(JSON.parse(text).result.structuredContent.output), 'over 2\n');
  assert.equal((await post(session, 'evil.example')).status, 421);
  const other = open('evil.example');
  await within('the handshake to be refused', 15_000, new Promise((done) => other.on('error', done)));
});

describe('the configuration', () => {
  test('has the limits of mcp-execd', async (t) => {
    const { servers } = await useCluster(t, { ...alone, replicas: 1, nginx: false });
    const dir = generator.replace(/\/mcp-execd-nginx$/, '');
    const limits = readFileSync(`${dir}/mcp-execd-limits.conf`, 'utf8');
    const printed = spawnSync(process.env.MCP_EXECD ?? 'build/mcp-execd', ['--print-config'], { encoding: 'utf8', cwd: join(dir, '..') });
    const of = (key) => new RegExp(`^ +${key}: (\\S+)`, 'm').exec(printed.stdout)[1];
    const seconds = (text) => ({ s: 1, m: 60, h: 3600 })[text.at(-1)] * parseInt(text, 10);
    const nginx = (key) => new RegExp(`^${key} ([^;]+);`, 'm').exec(limits)[1];
    assert.equal(nginx('client_max_body_size').toUpperCase(), of('max_body').replace('iB', '').toUpperCase());
    assert.ok(seconds(nginx('proxy_read_timeout')) > seconds(of('max_wait')));
    assert.ok(seconds(nginx('send_timeout')) > seconds(of('write_timeout')));
    assert.equal(spawnSync(generator, ['r1=127.0.0.1:1'], { encoding: 'utf8' }).stdout.match(/keepalive_timeout (\d+)s;/)[1] < seconds(of('request_timeout')), true);
    assert.ok(servers.r1.port > 0);
  });

  test('is not generated from what is no list of replicas', () => {
    const bad = [[], ['r1'], ['R1=a:1'], ['r1=a'], ['r1=a:1;}'], ['r1=unix:/a b'], ['r1=a:$x'], ['r1=a:1', 'r1=b:1'], ['r1=a:1\nb:2'],
      ['=a:1'], [`${'a'.repeat(25)}=a:1`], ['--listen'], ['--listen', 'a;b', 'r1=a:1'], ['--what', 'r1=a:1'], ['--keepalive-timeout', '8s;', 'r1=a:1']];
    for (const args of bad) {
      const { status, stdout, stderr } = spawnSync(generator, args, { encoding: 'utf8' });
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /^mcp-execd-nginx: /);
    }
  });

  test('takes any legal name and any kind of address', async (t) => {
    const cluster = await useCluster(t, {
      ...alone,
      replicas: 1,
      nginx: false,
      optionsOf: () => ({ args: ['--replica-id', 'default', '--set', `server.unix_socket=${mkdtempSync(join(tmpdir(), 'mcp-execd-sock-'))}/s`] }),
    });
    const socket = cluster.servers.r1.options.args.at(-1).split('=')[1];
    t.after(() => rmSync(join(socket, '..'), { recursive: true, force: true }));
    const nginx = new Nginx({ default: `unix:${socket}`, any: '[::1]:1', include: 'localhost:1', hostnames: '127.0.0.1:1' });
    t.after(() => nginx.stop());
    await nginx.start();
    const client = await new Legacy(nginx).open();
    for (let i = 0; i < 6; i++) assert.equal(replicaOf(await client.start('true')), 'default');
    assert.equal(nginx.requests().at(-1).owner, 'default');
  });
});
