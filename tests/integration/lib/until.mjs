// Waiting for an event with a bound, and time bounds that fit the build under test.

// Sanitizer builds are several times slower: every bound is multiplied by this.
export const slowness = /-(asan|tsan)\//.test(process.env.MCP_EXECD ?? '') ? 5 : 1;

// Asks `probe` again and again until it gives something truthy, and returns that. When the bound
// passes, the error shows what it gave last.
export async function until(what, probe, boundMs = 10_000) {
  const deadline = performance.now() + boundMs * slowness;
  let pauseMs = 2;
  for (;;) {
    const last = await probe();
    if (last) return last;
    if (performance.now() > deadline)
      throw new Error(`waited ${boundMs * slowness} ms for ${what}; last: ${JSON.stringify(last)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(pauseMs * 2, 50);
  }
}

// Fails when `promise` takes longer than the bound.
export async function within(what, boundMs, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} took more than ${boundMs * slowness} ms`)),
      boundMs * slowness,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function elapsedMs(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
