// Long-lived streams: what came on them so far, and waiting for more.
import assert from 'node:assert/strict';
import { events } from './sse.mjs';
import { until } from './until.mjs';

export class EventStream {
  constructor(response, abort) {
    this.response = response;
    this.abort = abort;
    this.messages = [];
    this.isEnded = false;
    this.done = this.#read();
  }

  async #read() {
    try {
      for await (const event of events(this.response)) this.messages.push(JSON.parse(event.data));
    } catch (error) {
      if (!this.abort.signal.aborted) this.error = error;
    }
    this.isEnded = true;
  }

  // The first message that is so, from the one with this number on.
  next(what, isIt, from = 0) {
    return until(what, () => this.messages.slice(from).find(isIt) ?? (this.isEnded && this.fail(what)));
  }

  fail(what) {
    throw new Error(`the stream ended before ${what}: ${this.error ?? JSON.stringify(this.messages)}`);
  }

  of(method) {
    return this.messages.filter((m) => m.method === method);
  }

  async close() {
    this.abort.abort();
    await this.done;
  }
}

// subscriptions/listen of a Modern caller: the stream, once it was acknowledged.
export async function listen(caller, notifications, options) {
  const message = caller.message('subscriptions/listen', { notifications }, options);
  const abort = new AbortController();
  const response = await fetch(caller.server.endpoint, {
    method: 'POST',
    headers: { ...caller.headers, ...caller.headersOf(message) },
    body: JSON.stringify(message),
    signal: abort.signal,
  });
  assert.equal(response.status, 200, response.status === 200 ? '' : await response.text());
  const stream = new EventStream(response, abort);
  stream.id = message.id;
  stream.ack = await stream.next('the acknowledgement', () => true);
  assert.equal(stream.ack.method, 'notifications/subscriptions/acknowledged');
  return stream;
}

// The GET stream of a Legacy caller's session.
export async function openGet(caller) {
  const abort = new AbortController();
  const response = await fetch(caller.server.endpoint, {
    headers: { ...caller.headers, ...caller.headersOf(), accept: 'text/event-stream' },
    signal: abort.signal,
  });
  assert.equal(response.status, 200);
  return new EventStream(response, abort);
}
