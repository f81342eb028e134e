import { spawnSync } from 'node:child_process';

/** Debian's server; Valkey's speaks the same: `REDIS_SERVER=valkey-server`. */
export const REDIS_SERVER = process.env.REDIS_SERVER ?? 'redis-server';
export const hasRedis = spawnSync(REDIS_SERVER, ['--version']).status === 0;
