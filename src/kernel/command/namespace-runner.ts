import { KernelError } from '../kernel-error.ts'
import { enterArgv } from '../netns/command-netns.ts'
import { type Netns, openNetns } from '../netns/netns.ts'
import { type CommandOptions, type CommandResult, runCommand } from './run-command.ts'

/** Runs commands in one namespace, and keeps that open by a descriptor of its own: the caller may close theirs. */
export interface NamespaceRunner extends Disposable {
  run(argv: readonly string[], options: CommandOptions): CommandResult
}

export function openNamespaceRunner(netns: Netns | undefined): NamespaceRunner {
  const held = netns && openNetns(`/proc/self/fd/${netns.fd}`)
  let open = true
  return {
    run(argv, options) {
      if (!open) {
        throw new KernelError(options.op ?? argv.join(' '), 'EBADF', { hint: 'it was closed' })
      }
      return runCommand([...enterArgv(held), ...argv], options)
    },
    [Symbol.dispose]() {
      held?.[Symbol.dispose]()
      open = false
    },
  }
}
