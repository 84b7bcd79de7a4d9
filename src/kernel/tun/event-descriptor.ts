import { checked, libc } from '../ffi/libc.ts'

const EFD_NONBLOCK = 0o4000
const EFD_CLOEXEC = 0o2000000
const ONE = new Uint8Array(BigUint64Array.of(1n).buffer)

/** A descriptor to be woken up by, from another thread: eventfd(2). */
export function openEventDescriptor(): { readonly fd: number; wake(): void } {
  const fd = checked(libc().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'open an event descriptor')
  return { fd, wake: () => void libc().write(fd, ONE, 8n) }
}
