import { type Family, familyOf } from '#ip/ip.ts'
import {
  decodeFamilyId,
  decodeGeneric,
  encodeFamilyRequest,
  encodeGeneric,
  GENL_ID_CTRL,
} from '#wire/netlink/generic.ts'
import {
  decodeDestination,
  decodeService,
  decodeTimeouts,
  encodeDestination,
  encodeService,
  encodeServiceKey,
  encodeTimeouts,
  IPVS_CMD,
  IPVS_FAMILY,
  IPVS_VERSION,
  type IPVSDestination,
  type IPVSService,
  type IPVSServiceKey,
  type IPVSTimeouts,
} from '#wire/netlink/ipvs.ts'
import { kernelBackend } from '../backend.ts'
import { KernelError } from '../kernel-error.ts'
import { NETLINK_GENERIC, type NetlinkSocket, openNetlinkSocket } from '../netlink/socket.ts'
import { deleteUnlessMissing } from '../netlink/unless-missing.ts'
import type { Netns } from '../netns/netns.ts'

/** The virtual servers of one network namespace: each call is one request and its acknowledgement. @throws KernelError */
export interface IPVS extends Disposable {
  services(): readonly IPVSService[]
  /** Of one service, with the connections that each has. Empty where there is no such service. */
  destinations(service: IPVSServiceKey): readonly IPVSDestination[]
  addService(service: IPVSService): void
  setService(service: IPVSService): void
  /** With its destinations; `false` where there was none. */
  deleteService(service: IPVSServiceKey): boolean
  addDestination(service: IPVSServiceKey, destination: IPVSDestination): void
  setDestination(service: IPVSServiceKey, destination: IPVSDestination): void
  deleteDestination(service: IPVSServiceKey, destination: IPVSDestination): boolean
  timeouts(): IPVSTimeouts
  setTimeouts(timeouts: IPVSTimeouts): void
}

/** @throws KernelError ENOENT where the kernel has no IP_VS, nor a module of that name */
export function openIPVS(netns?: Netns): IPVS {
  const op = 'open IPVS'
  if (kernelBackend() === 'command') {
    throw new KernelError(op, 'ENOSYS', { hint: 'generic netlink needs node:ffi' })
  }
  const socket = openNetlinkSocket(netns, NETLINK_GENERIC)
  try {
    return ipvsCalls(socket, resolveFamily(socket, op))
  } catch (error) {
    socket[Symbol.dispose]()
    throw error
  }
}

/** The kernel loads the module `ip_vs` at this request (net/netlink/genetlink.c: `net-pf-16-proto-16-family-IPVS`). */
function resolveFamily(socket: NetlinkSocket, op: string): number {
  try {
    return decodeFamilyId(socket.query(op, GENL_ID_CTRL, encodeFamilyRequest(IPVS_FAMILY)))
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'ENOENT') throw error
    throw new KernelError(op, 'ENOENT', { hint: 'this kernel has no IP_VS', cause: error })
  }
}

function ipvsCalls(socket: NetlinkSocket, family: number): IPVS {
  const message = (command: number, body: Uint8Array) =>
    encodeGeneric({ command, version: IPVS_VERSION, body })
  const request = (op: string, command: number, ...attributes: readonly Uint8Array[]) =>
    socket.request(op, family, 0, message(command, Buffer.concat(attributes)))
  const dump = (op: string, command: number, body: Uint8Array) =>
    socket.dump(op, family, message(command, body)).map((answer) => decodeGeneric(answer).body)
  const { newService, setService, deleteService, getService } = IPVS_CMD
  const { newDestination, setDestination, deleteDestination, getDestination } = IPVS_CMD
  const aim = (verb: string, service: IPVSServiceKey, destination: IPVSDestination) =>
    `${verb} destination ${destination.ip} port ${destination.port} of ${describe(service)}`

  return {
    services: () =>
      dump('list IPVS services', getService, new Uint8Array())
        .map(decodeService)
        .filter((service) => service !== undefined),
    destinations(service) {
      const of: Family = familyOf(service.ip)
      const op = `list destinations of ${describe(service)}`
      let answers: readonly Uint8Array[] = []
      deleteUnlessMissing(['ESRCH'], () => {
        answers = dump(op, getDestination, encodeServiceKey(service))
      })
      return answers.map((answer) => decodeDestination(answer, of))
    },
    addService: (service) =>
      withScheduler(service, () =>
        request(`add ${describe(service)}`, newService, encodeService(service)),
      ),
    setService: (service) =>
      withScheduler(service, () =>
        request(`set ${describe(service)}`, setService, encodeService(service)),
      ),
    deleteService: (service) =>
      deleteUnlessMissing(['ESRCH'], () =>
        request(`delete ${describe(service)}`, deleteService, encodeServiceKey(service)),
      ),
    addDestination: (service, destination) =>
      request(
        aim('add', service, destination),
        newDestination,
        encodeServiceKey(service),
        encodeDestination(destination),
      ),
    setDestination: (service, destination) =>
      request(
        aim('set', service, destination),
        setDestination,
        encodeServiceKey(service),
        encodeDestination(destination),
      ),
    deleteDestination: (service, destination) =>
      deleteUnlessMissing(['ESRCH', 'ENOENT'], () =>
        request(
          aim('delete', service, destination),
          deleteDestination,
          encodeServiceKey(service),
          encodeDestination(destination),
        ),
      ),
    timeouts: () =>
      decodeTimeouts(
        decodeGeneric(
          socket.query('read IPVS timeouts', family, message(IPVS_CMD.getConfig, new Uint8Array())),
        ).body,
      ),
    setTimeouts: (timeouts) =>
      request('set IPVS timeouts', IPVS_CMD.setConfig, encodeTimeouts(timeouts)),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  }
}

/** The kernel loads a scheduler's module as it is asked for (net/netfilter/ipvs/ip_vs_sched.c: `ip_vs_rr`). */
function withScheduler({ scheduler }: IPVSService, request: () => void): void {
  try {
    request()
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'ENOENT') throw error
    throw new KernelError(error.op, 'ENOENT', {
      hint: `this kernel has no scheduler ${scheduler}`,
      cause: error,
    })
  }
}

function describe({ protocol, ip, port }: IPVSServiceKey): string {
  return `IPVS service ${protocol} ${ip} port ${port}`
}
