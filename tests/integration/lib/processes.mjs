// The processes of this machine, as /proc shows them.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it ended meanwhile, or is not ours to read
  }
}

function link(path) {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

// A file of /proc/<pid>; empty when it ended meanwhile.
export function readProc(pid, name) {
  return read(`/proc/${pid}/${name}`);
}

// State and parent from /proc/<pid>/stat; the name in parentheses may hold anything (proc(5)).
function stat(pid) {
  const text = read(`/proc/${pid}/stat`);
  const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state, parent: Number(parent) };
}

export function isAlive(pid) {
  const { state } = stat(pid);
  return state !== undefined && state !== '' && state !== 'Z' && state !== 'X';
}

function allPids() {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
}

// Living processes whose command line, environment, directory or program mentions `text`.
export function processesWith(text) {
  const found = [];
  for (const pid of allPids()) {
    if (pid === process.pid || !isAlive(pid)) continue;
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    const where = `${link(`/proc/${pid}/cwd`)} ${link(`/proc/${pid}/exe`)}`;
    if (`${command}\n${where}\n${read(`/proc/${pid}/environ`)}`.includes(text))
      found.push({ pid, command });
  }
  return found;
}

export function childrenOf(pid) {
  return allPids().filter((child) => isAlive(child) && stat(child).parent === pid);
}
