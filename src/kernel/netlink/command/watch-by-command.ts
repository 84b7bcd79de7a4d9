import { spawn } from 'node:child_process'
import { enterArgv } from '../../netns/command-netns.ts'
import type { Netns } from '../../netns/netns.ts'
import type { KernelChange } from '../watch-changes.ts'

const MONITORS = [
  ['ip', 'monitor', 'link', 'address', 'route', 'neigh'],
  ['bridge', 'monitor', 'fdb'],
  ['nft', 'monitor'],
]

/** ip(8), bridge(8) and nft(8) as watchers: every line is a change. One that ends early is missed: its owner looks by itself then and now. */
export function watchByCommand(
  changed: (change: KernelChange) => void,
  netns: Netns | undefined,
): Disposable {
  const children = MONITORS.map((argv) => {
    const [command = '', ...args] = [...enterArgv(netns), ...argv]
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    child.on('error', () => {})
    child.stdout.on('data', () => changed({ kind: 'anything' }))
    return child
  })
  return {
    [Symbol.dispose]() {
      for (const child of children) child.kill('SIGTERM')
    },
  }
}
