import { openNamespaceRunner } from '../command/namespace-runner.ts'
import type { Netns } from '../netns/netns.ts'
import type { Nft } from './nft.ts'
import { nftError } from './nft-error.ts'

/** nft(8), spawned for each call: what there is without node:ffi. */
export function openNftCommand(netns: Netns | undefined): Nft {
  const runner = openNamespaceRunner(netns)
  const run = (op: string, flags: readonly string[], input: string) => {
    const argv = ['nft', ...flags, '-f', '-']
    const { status, stdout, stderr } = runner.run(argv, { op, input, mayFail: true })
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
    [Symbol.dispose]: () => runner[Symbol.dispose](),
  }
}
