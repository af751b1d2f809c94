// Several replicas behind nginx, with or without the Redis that they share. Where a test wants a server,
// a cluster will do: its endpoint is nginx.
import { Nginx } from './nginx.mjs';
import { Redis } from './redis.mjs';
import { Server } from './server.mjs';

export class Cluster {
  // options: replicas (3), redis (true; or options of Redis), nginx (options of Nginx; false: none),
  // args, config and env of every server, optionsOf (name → more options of that one)
  constructor(options = {}) {
    this.options = options;
    if (options.redis !== false) this.redis = new Redis(options.redis === true ? {} : options.redis);
    this.servers = {};
    for (let i = 1; i <= (options.replicas ?? 3); i++) this.servers[`r${i}`] = null;
  }

  serverOptions(name) {
    const { args = [], config, env, optionsOf } = this.options;
    const redis = this.redis ? ['--redis-url', this.redis.url] : [];
    const all = { SANDBOX_STATE_SECRET: 'what all replicas know', ...env };
    return { args: ['--replica-id', name, ...redis, ...args], config, env: all, ...optionsOf?.(name) };
  }

  async start() {
    try {
      await this.redis?.start();
      for (const name of Object.keys(this.servers)) this.servers[name] = new Server(this.serverOptions(name));
      await Promise.all(this.all().map((server) => server.start()));
      if (this.options.nginx === false) return this;
      this.nginx = new Nginx(this.addresses(), this.options.nginx);
      await this.nginx.start();
      ({ port: this.port, base: this.base, endpoint: this.endpoint } = this.nginx);
      return this;
    } catch (error) {
      await this.stop().catch(() => {});
      throw error;
    }
  }

  all() {
    return Object.values(this.servers).filter(Boolean);
  }

  addresses() {
    return Object.fromEntries(
      Object.entries(this.servers).map(([name, server]) => [name, `127.0.0.1:${server.port}`]),
    );
  }

  get(path, init) {
    return fetch(this.base + path, init);
  }

  // The replica an id names.
  ownerOf(id) {
    return this.servers[id.split('-')[0]];
  }

  // The others.
  othersThan(id) {
    return this.all().filter((server) => server !== this.ownerOf(id));
  }

  // Everything, in the order of who needs whom; the first error is told after all are gone.
  async stop() {
    if (this.isStopped) return;
    this.isStopped = true;
    await this.nginx?.stop();
    const ends = await Promise.allSettled(this.all().map((server) => server.stop()));
    await this.redis?.stop();
    const failed = ends.find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason;
  }
}

// A running cluster that the end of `scope` stops.
export async function useCluster(scope, options) {
  const cluster = new Cluster(options);
  scope.after(() => cluster.stop());
  return cluster.start();
}
