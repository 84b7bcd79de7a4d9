import { chmodSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { openNetns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import type { GobValue } from '#wire/gob/types.ts'
import { makeFolder } from '../../make-folder.ts'
import { parseCall } from '../../protocol/cni-call.ts'
import type { CNIResult } from '../../protocol/result.ts'
import { type KeptLease, keepLease } from './keep-lease.ts'
import { clientIDOf, parseClientOptions } from './options.ts'
import { createRPCServer } from './rpc-server.ts'
import { encodeLease, NOTHING, objectOf, RESULT } from './rpc-types.ts'

export interface DHCPDaemonOptions {
  readonly socketPath: string
  /** Where the host's root is, seen from here; before the paths of sockets and namespaces. */
  readonly hostPrefix: string
  readonly timeoutMs: number
  readonly resendMaxMs: number
  readonly resendTimeoutMs: number
  readonly broadcast: boolean
  readonly log: Log
}

interface Held {
  readonly lease: Promise<KeptLease>
}

/**
 * Asks DHCP servers on behalf of pods, and renews what they gave: what the reference's `dhcp daemon` does, for its plugin and for
 * ours. Returns when it listens; it ends when `signal` aborts, and then gives nothing back: pods outlive it.
 */
export async function serveDHCP(options: DHCPDaemonOptions, signal: AbortSignal): Promise<void> {
  const path = `${options.hostPrefix}${options.socketPath}`
  const held = new Map<string, Held>()
  const server = createRPCServer({
    'DHCP.Allocate': {
      answer: RESULT,
      run: async (args) => encodeLease(await allocate(toCall(args), held, options)),
    },
    'DHCP.Release': {
      answer: NOTHING,
      run: async (args) => {
        await release(clientIDOf(toCall(args)), held)
        return {}
      },
    },
  })
  makeFolder(dirname(path), 0o700)
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  const close = () => {
    server.close()
    rmSync(path, { force: true })
  }
  if (signal.aborted) close()
  else signal.addEventListener('abort', close, { once: true })
}

/** The plugin's call, as it came to it; checked here as there. */
function toCall(args: GobValue) {
  const fields = objectOf(args)
  const text = (name: string) => String(fields[name] ?? '')
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: text('ContainerID'),
    // Absent for DEL, where it may be gone.
    CNI_NETNS: text('Netns') || '/',
    CNI_IFNAME: text('IfName'),
    CNI_ARGS: text('Args'),
    CNI_PATH: text('Path') || '/',
  }
  const { StdinData: stdin } = fields
  return parseCall(env, stdin instanceof Uint8Array ? stdin : new Uint8Array(0))
}

/** The same lease for the same attachment, as long as it is kept. */
async function allocate(
  call: ReturnType<typeof toCall>,
  held: Map<string, Held>,
  daemon: DHCPDaemonOptions,
): Promise<Pick<CNIResult, 'ips' | 'routes'>> {
  const clientID = clientIDOf(call)
  const before = await held.get(clientID)?.lease.catch(() => undefined)
  if (before && !before.isKept) held.delete(clientID)
  const entry = held.get(clientID) ?? { lease: acquire(call, clientID, daemon) }
  held.set(clientID, entry)
  try {
    const { address, gateway, routes } = (await entry.lease).current
    const priority = call.config.object('ipam').number('priority')
    return {
      ips: [{ address, ...(gateway && { gateway }) }],
      routes: routes.map((route) => ({ ...route, ...(priority && { priority }) })),
    }
  } catch (error) {
    held.delete(clientID)
    throw error
  }
}

async function acquire(
  call: ReturnType<typeof toCall>,
  clientID: string,
  daemon: DHCPDaemonOptions,
): Promise<KeptLease> {
  const options = parseClientOptions(call)
  const netns = openNetns(`${daemon.hostPrefix}${call.netns}`)
  try {
    return await keepLease({ ...daemon, netns, device: call.ifname, clientID, options })
  } catch (error) {
    netns[Symbol.dispose]()
    throw error
  }
}

async function release(clientID: string, held: Map<string, Held>): Promise<void> {
  const entry = held.get(clientID)
  held.delete(clientID)
  const lease = await entry?.lease.catch(() => undefined)
  await lease?.stop()
}
