// HTTP/1.1 by hand, for requests that fetch would not send.
import { connect } from 'node:net';
import { once } from 'node:events';
import { noteRaw } from './traffic.mjs';

// Sends `text` as it is on a new connection and reads to its end: { status, headers, body }.
export async function rawRequest(server, text, { boundMs = 15_000 } = {}) {
  const socket = connect(server.port, '127.0.0.1');
  const timer = setTimeout(() => socket.destroy(new Error(`no reply in ${boundMs} ms`)), boundMs);
  try {
    await once(socket, 'connect');
    socket.write(text);
    const pieces = [];
    for await (const piece of socket) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    noteRaw(text, bytes.toString('utf8'));
    return parse(bytes.toString('latin1'));
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function parse(text) {
  const end = text.indexOf('\r\n\r\n');
  const [first, ...lines] = text.slice(0, end).split('\r\n');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(first.split(' ')[1]), headers, body: text.slice(end + 4), text };
}

// A POST to /mcp with these headers, which replace the usual ones; a header of null is left out.
export function rawPost(server, body, headers = {}) {
  const all = {
    Host: `127.0.0.1:${server.port}`,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((v) => `${name}: ${v}`),
  );
  return rawRequest(server, `POST /mcp HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}
