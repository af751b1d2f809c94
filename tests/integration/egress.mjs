// The way out of a sandbox: commands inside reach the hosts that their profile allows through the
// network proxy, and no others, by any road. Servers are on this machine; names are in a file.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Modern, textOf } from './lib/mcp.mjs';
import { Server, useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

// What a host sees of the requests that reach it.
const requests = [];
const web = createServer((request, response) => {
  let body = '';
  request.on('data', (data) => (body += data));
  request.on('end', () => {
    requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    response.end(`hello from ${request.headers.host}, you sent ${body.length} bytes\n`);
  });
});
await new Promise((done) => web.listen(0, '127.0.0.1', done));
const port = web.address().port;
after(() => web.close());
// One that must never be reached.
let strangers = 0;
const forbidden = createTcpServer((socket) => {
  strangers++;
  socket.destroy();
});
await new Promise((done) => forbidden.listen(0, '127.0.0.1', done));
const forbiddenPort = forbidden.address().port;
after(() => forbidden.close());

const directory = mkdtempSync(join(tmpdir(), 'mcp-execd-egress-'));
after(() => rmSync(directory, { recursive: true }));
const hosts = join(directory, 'hosts');
writeFileSync(hosts, '127.0.0.1 allowed.test www.allowed.test secret.allowed.test other.test\n10.99.0.1 inside.test\n');

const config = (fields = '') => `
egress:
  hosts_file: ${hosts}
  nameservers: ["127.0.0.1:9"]
sandbox:
  profile: net
  profiles:
    net:
      network: proxy
      allowed_domains: [allowed.test, "*.allowed.test", inside.test]
      denied_domains: [secret.allowed.test]
      allowed_ports: [${port}]
      allowed_addresses: [127.0.0.0/8]
${fields}`;

const server = await useServer(null, { config: config() });
const mcp = new Modern(server);
const curl = 'curl --silent --show-error --max-time 20';
const run = (command, args) => mcp.run(command, args);

describe('inside', () => {
  for (const [what, command] of [
    ['HTTP', `${curl} http://allowed.test:${port}/x?y`],
    ['CONNECT', `${curl} --proxytunnel http://allowed.test:${port}/x?y`],
    ['SOCKS', `${curl} --proxy "$ALL_PROXY" http://allowed.test:${port}/x?y`],
    ['a name below', `${curl} http://www.allowed.test:${port}/x?y`],
  ])
    test(`an allowed host is reached: ${what}`, async () => {
      const r = await run(command);
      assert.equal(r.exit_code, 0, JSON.stringify(r.output));
      assert.match(textOf(r.output), /^hello from (www\.)?allowed\.test/);
      const seen = requests.at(-1);
      assert.equal(seen.url, '/x?y');
      assert.equal(seen.headers['proxy-authorization'], undefined);
    });

  test('a body arrives whole', async () => {
    const r = await run(`head -c 3000000 /dev/zero | ${curl} --data-binary @- http://allowed.test:${port}/`);
    assert.match(textOf(r.output), /you sent 3000000 bytes/);
    const chunked = await run(`head -c 300000 /dev/zero | ${curl} -T - http://allowed.test:${port}/`);
    assert.match(textOf(chunked.output), /you sent 300000 bytes/);
  });

  // The note is written a moment after the refusal: it may come behind what the command wrote.
  const violation = (id, target) =>
    until(`an event for ${target}`, async () =>
      (await mcp.output(id)).output.find((e) => e.type === 'violation' && e.target === target),
    );

  for (const [what, target, key] of [
    ['that is not allowed', 'other.test', 'allowed_domains'],
    ['that is denied', 'secret.allowed.test', 'denied_domains'],
    ['with a private address', 'inside.test', 'allowed_addresses'],
  ])
    test(`a host ${what} is refused, and told with the key`, async () => {
      const before = requests.length;
      const id = await mcp.start(`${curl} --write-out ' %{http_code}' http://${target}:${port}/; sleep 1`);
      const event = await violation(id, `${target}:${port}`);
      assert.equal(event.reason, 'network');
      assert.equal(event.configuration_key, `sandbox.profiles.net.${key}`);
      assert.ok(event.message.includes(`${target}:${port}`), event.message);
      await mcp.ended(id);
      const text = textOf((await mcp.output(id)).output);
      assert.match(text, / 403$/m);
      assert.ok(text.includes(event.configuration_key), text);
      assert.equal(requests.length, before);
    });

  test('a port that is not allowed, and addresses by number, are refused', async () => {
    for (const url of [
      `http://allowed.test:${forbiddenPort}/`,
      'http://169.254.169.254/latest/meta-data/',
      `http://[fd00::1]:${port}/`,
      `http://[::ffff:10.0.0.1]:${port}/`,
      `http://167772161:${port}/`,
      `http://0xa.1:${port}/`,
    ]) {
      const r = await run(`${curl} --globoff --output /dev/null --write-out '%{http_code}' '${url}'`);
      assert.equal(textOf(r.output), '403', url);
    }
    assert.equal(strangers, 0);
  });

  test('there is no road but the proxy', async () => {
    const tries = [
      `${curl} --noproxy '*' http://127.0.0.1:${port}/`, // the sandbox's own loopback
      `${curl} --noproxy '*' http://10.0.0.1:${port}/`,
      `${curl} --noproxy '*' --resolve allowed.test:${port}:127.0.0.1 http://allowed.test:${port}/`,
      `${curl} --noproxy '*' http://allowed.test:${port}/`,
    ];
    for (const command of tries) {
      const r = await run(command);
      assert.notEqual(r.exit_code, 0, `${command}: ${textOf(r.output)}`);
    }
    const proxies = textOf((await run('env | grep -i _proxy')).output);
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'])
      assert.match(proxies, new RegExp(`^${name}=`, 'im'));
  });

  test('each execution has a password of its own, and none gets in without', async () => {
    const [a, b] = [await run('echo $http_proxy'), await run('echo $http_proxy')].map((r) => textOf(r.output).trim());
    assert.match(a, /^http:\/\/[^:]+:[^@]{16,}@127\.0\.0\.1:\d+\/?$/);
    assert.notEqual(a, b);
    const r = await run(
      `http_proxy=$(echo $http_proxy | sed 's,//.*@,//,') ${curl} --output /dev/null --write-out '%{http_code}' http://allowed.test:${port}/`,
    );
    assert.equal(textOf(r.output), '407');
  });
});

test('a call narrows the domains, and is told so', async () => {
  const narrowed = { sandbox_config: { network: { allowed_domains: ['www.allowed.test'] } } };
  const good = await run(`${curl} http://www.allowed.test:${port}/`, narrowed);
  assert.match(textOf(good.output), /^hello/);
  const bad = await run(`${curl} --output /dev/null --write-out '%{http_code}' http://allowed.test:${port}/`, narrowed);
  assert.equal(textOf(bad.output), '403');
  const none = { sandbox_config: { network: { allowed_domains: [] } } };
  const nowhere = await run(`${curl} --output /dev/null --write-out "%{http_code}" http://allowed.test:${port}/`, none);
  assert.equal(textOf(nowhere.output), '403');
});

test('what goes through is counted', async () => {
  const text = await (await server.get('/metrics')).text();
  const value = (name) => Number(new RegExp(`^[a-z_]*${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  assert.ok(value('egress_connections_total\\{outcome="connected"\\}') >= 6, text);
  assert.ok(value('egress_refused_total\\{reason="not_allowed"\\}') >= 1);
  assert.ok(value('egress_bytes_total\\{direction="out"\\}') > 3_000_000);
});

test('a command goes on through the proxy of the next server', async (t) => {
  const own = new Server({ config: config() });
  t.after(() => own.stop());
  await own.start();
  const first = new Modern(own);
  const id = await first.start(
    `for i in $(seq 200); do ${curl} http://allowed.test:${port}/ && echo ok $i; sleep 0.1; done`,
  );
  const got = async (caller) => textOf((await caller.output(id)).output).match(/^ok /gm)?.length ?? 0;
  await until('it to get through', async () => (await got(first)) > 0);
  await own.restart();
  const second = new Modern(own);
  const begin = await got(second);
  await until('it to get through again', async () => (await got(second)) > begin + 2);
  await second.cancel(id, { force: true });
});
