import { KernelError } from '../kernel-error.ts'
import { quoteIptables } from './iptables.ts'

/** iptables-restore's own buffer for one argument, its end included (xshared.h: `char buffer[1024]`; 1.6: 400). */
const MAX_ARGUMENT_BYTES = 400

/** Most are, and scripts have millions. */
const PLAIN = /^[\w./:,=!+-]{1,100}$/

/**
 * One line of an iptables-restore script, each argument quoted where it must be: what iptables-save would print for it. This is the only
 * way from values to such a line.
 * @throws KernelError EINVAL for what no quoting can carry
 */
export function formatRestoreLine(args: readonly string[]): string {
  return args.map(quote).join(' ')
}

function quote(arg: string): string {
  if (PLAIN.test(arg)) return arg
  if (Buffer.byteLength(arg) >= MAX_ARGUMENT_BYTES) {
    throw new KernelError('write a line for iptables-restore', 'EINVAL', {
      hint: `${JSON.stringify(arg.slice(0, 80))} is too long`,
    })
  }
  return quoteIptables(arg)
}
