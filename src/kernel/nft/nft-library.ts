import { ffi } from '../ffi/libc.ts'
import { withMemoryFile } from '../ffi/memory-file.ts'
import { KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'
import type { Nft } from './nft.ts'
import { nftError, refuseZeroByte } from './nft-error.ts'

/** libnftables(3). */
const prototypes = {
  nft_ctx_new: { return: 'pointer', arguments: ['u32'] },
  nft_ctx_free: { return: 'void', arguments: ['pointer'] },
  nft_ctx_buffer_output: { return: 'i32', arguments: ['pointer'] },
  nft_ctx_buffer_error: { return: 'i32', arguments: ['pointer'] },
  nft_ctx_get_output_buffer: { return: 'pointer', arguments: ['pointer'] },
  nft_ctx_get_error_buffer: { return: 'pointer', arguments: ['pointer'] },
  nft_ctx_output_set_flags: { return: 'void', arguments: ['pointer', 'u32'] },
  nft_run_cmd_from_buffer: { return: 'i32', arguments: ['pointer', 'string'] },
  nft_run_cmd_from_filename: { return: 'i32', arguments: ['pointer', 'string'] },
} as const

const NFT_CTX_OUTPUT_JSON = 1 << 4

let loaded: ReturnType<typeof load> | undefined

/**
 * libnftables in this process: no process to start for a change, and its cache of the ruleset stays warm (facts: 0.1 ms an update
 * against 12 ms). Its netlink socket stays in the namespace where the context was made.
 */
export function openNftLibrary(netns: Netns | undefined): Nft {
  loaded ??= load()
  const nft = loaded.functions
  const context = netns ? inNetns(netns, () => nft.nft_ctx_new(0)) : nft.nft_ctx_new(0)
  if (context === 0n) throw new KernelError('open nftables', 'ENOMEM')
  nft.nft_ctx_buffer_output(context)
  nft.nft_ctx_buffer_error(context)
  let open = true

  const run = (op: string, flags: number, call: () => number): string => {
    if (!open) throw new KernelError(op, 'EBADF', { hint: 'it was closed' })
    nft.nft_ctx_output_set_flags(context, flags)
    const status = call()
    // Taking a buffer's text empties it. Both are taken each time: text left in them has crashed processes at exit.
    const output = ffi().toString(nft.nft_ctx_get_output_buffer(context)) ?? ''
    const message = ffi().toString(nft.nft_ctx_get_error_buffer(context)) ?? ''
    if (status !== 0) throw nftError(op, message)
    return output
  }
  return {
    commit(script) {
      const op = 'commit nft transaction'
      refuseZeroByte(op, script)
      // From a buffer, nft 1.0.6 quotes the script's first line whichever was wrong. The file costs 0.02 ms.
      withMemoryFile(script, (path) =>
        run(op, 0, () => nft.nft_run_cmd_from_filename(context, path)),
      )
    },
    read(command, { json = false } = {}) {
      const op = `read nft ${command}`
      refuseZeroByte(op, command)
      const flags = json ? NFT_CTX_OUTPUT_JSON : 0
      return run(op, flags, () => nft.nft_run_cmd_from_buffer(context, command))
    },
    [Symbol.dispose]() {
      if (open) nft.nft_ctx_free(context)
      open = false
    },
  }
}

function load() {
  try {
    return ffi().dlopen('libnftables.so.1', prototypes)
  } catch (cause) {
    throw new KernelError('load libnftables.so.1', 'ENOENT', {
      hint: 'install the package libnftables1 (it comes with nftables)',
      cause,
    })
  }
}
