import { runCommand } from '../command/run-command.ts'
import { enterArgv } from '../netns/command-netns.ts'
import type { Netns } from '../netns/netns.ts'
import type { Nft } from './nft.ts'
import { nftError } from './nft-error.ts'

/** nft(8), spawned for each call: what there is without node:ffi. */
export function openNftCommand(netns: Netns | undefined): Nft {
  const run = (op: string, args: readonly string[], input: string) => {
    const argv = [...enterArgv(netns), 'nft', ...args, '-f', '-']
    const { status, stdout, stderr } = runCommand(argv, { op, input, mayFail: true })
    if (status !== 0) throw nftError(op, stderr)
    return stdout
  }
  return {
    commit(script) {
      run('commit nft transaction', [], script)
    },
    read(command, { json = false } = {}) {
      return run(`read nft ${command}`, json ? ['-j'] : [], `${command}\n`)
    },
    [Symbol.dispose]() {},
  }
}
