export type Backend = 'ffi' | 'command'

/**
 * How this process reaches the kernel: in-process system calls through node:ffi, or commands (ip, nft, nsenter…) where
 * that is missing or `FAIRLEAD_FFI=off` forbids it. The only place that decides; every port asks here.
 */
export function kernelBackend(): Backend {
  if (process.env.FAIRLEAD_FFI === 'off') return 'command'
  return process.getBuiltinModule('node:ffi') ? 'ffi' : 'command'
}
