// Ports of loopback that nobody listens on.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { until } from './until.mjs';

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export function accepts(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => done(socket.destroy() && true));
    socket.on('error', () => done(false));
  });
}

// Waits until the process listens; an error with its output when it ends instead.
export function listening(what, port, isOver, output) {
  return until(`${what} to listen`, async () => {
    if (isOver()) throw new Error(`${what} ended at once:\n${output()}`);
    return accepts(port);
  });
}
