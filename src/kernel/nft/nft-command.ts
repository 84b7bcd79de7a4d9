import { openNamespaceRunner } from '../command/namespace-runner.ts'
import type { Netns } from '../netns/netns.ts'
import type { Nft } from './nft.ts'
import { nftError, refuseZeroByte } from './nft-error.ts'

/** nft(8), spawned for each call: what there is without node:ffi. */
export function openNftCommand(netns: Netns | undefined): Nft {
  const runner = openNamespaceRunner(netns)
  const run = (op: string, args: readonly string[], input: string) => {
    refuseZeroByte(op, [...args, input].join(' '))
    const { status, stdout, stderr } = runner.run(['nft', ...args], { op, input, mayFail: true })
    if (status !== 0) throw nftError(op, stderr)
    return stdout
  }
  return {
    commit(script) {
      run('commit nft transaction', ['-f', '-'], script)
    },
    read(command, { json = false } = {}) {
      // Not by standard input: with -j nft reads it as JSON first, and then finds it empty.
      return run(`read nft ${command}`, [...(json ? ['-j'] : []), '--', command], '')
    },
    [Symbol.dispose]: () => runner[Symbol.dispose](),
  }
}
