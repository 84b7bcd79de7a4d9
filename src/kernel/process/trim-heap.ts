import { kernelBackend } from '../backend.ts'
import { ffi } from '../ffi/libc.ts'

/** Lets malloc(3) give free memory back to the system; quiet where this C library cannot (malloc_trim(3) is glibc's). */
export function trimHeap(): void {
  if (kernelBackend() !== 'ffi') return
  try {
    const { functions } = ffi().dlopen(null, {
      malloc_trim: { return: 'i32', arguments: ['u64'] },
    } as const)
    functions.malloc_trim(0n)
  } catch {
    // musl has none
  }
}
