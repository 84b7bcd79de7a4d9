import {
  type Account,
  decodeAccount,
  encodeAccountName,
  encodeHeader,
  MAX_ACCOUNT_NAME_BYTES,
  NFNL_MSG_ACCT,
} from '#wire/netlink/accounting.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '#wire/netlink/message.ts'
import { kernelBackend } from '../backend.ts'
import { KernelError } from '../kernel-error.ts'
import { NETLINK_NETFILTER, openNetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns/netns.ts'

/** Counters with a name, of one network namespace: rules count in them (`-m nfacct`), and they outlive the rules. */
export interface Accounts extends Disposable {
  /** Makes it where it is missing; what it counted stays. @throws KernelError */
  ensure(name: string): void
  read(): readonly Account[]
}

/** @throws KernelError ENOSYS without node:ffi; a kernel without them refuses each call */
export function openAccounts(netns?: Netns): Accounts {
  if (kernelBackend() === 'command') {
    throw new KernelError('open accounts', 'ENOSYS', { hint: 'nfnetlink needs node:ffi' })
  }
  const socket = openNetlinkSocket(netns, NETLINK_NETFILTER)
  return {
    ensure(name) {
      const op = `make account ${name}`
      if (!/^[\w.-]+$/.test(name) || name.length > MAX_ACCOUNT_NAME_BYTES)
        throw new KernelError(op, 'EINVAL', { hint: 'a name is a word of at most 31 letters' })
      try {
        const flags = NLM_F_CREATE | NLM_F_EXCL
        socket.request(op, NFNL_MSG_ACCT.new, flags, encodeAccountName(name))
      } catch (error) {
        if (!(error instanceof KernelError && error.errno === 'EEXIST')) throw error
      }
    },
    read: () =>
      socket
        .dump('read accounts', NFNL_MSG_ACCT.get, encodeHeader())
        .map((body) => decodeAccount(body)),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  }
}
