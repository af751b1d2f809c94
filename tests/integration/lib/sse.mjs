// Server-sent events from a fetch response: an async iterator of {event, id, data}.
export async function* events(response) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const event = parse(text.slice(0, end));
      if (event) yield event;
    }
  }
}

// Comments alone, as heartbeats are, make no event.
function parse(block) {
  const event = { event: 'message', data: [] };
  for (const line of block.split('\n')) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === 'data') event.data.push(value);
    else if (name !== '') event[name] = value;
  }
  if (event.data.length === 0 && Object.keys(event).length === 2) return null;
  return { ...event, data: event.data.join('\n') };
}
