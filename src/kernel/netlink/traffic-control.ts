import { NLM_F_CREATE, NLM_F_EXCL } from '#wire/netlink/message.ts'
import {
  decodeTrafficControl,
  encodeTrafficControl,
  INGRESS_HANDLE,
  RTM_DELQDISC,
  RTM_GETQDISC,
  RTM_GETTFILTER,
  RTM_NEWQDISC,
  RTM_NEWTFILTER,
  TC_H_INGRESS,
  TC_H_ROOT,
  type TrafficControlMessage,
} from '#wire/netlink/traffic-control.ts'
import { KernelError } from '../kernel-error.ts'
import { deviceIndex, deviceNames } from './device-names.ts'
import type { Qdisc, Rtnetlink } from './model.ts'
import type { NetlinkSocket } from './socket.ts'
import { bufferTicks, burstBytes } from './token-bucket.ts'
import { deleteUnlessMissing } from './unless-missing.ts'

type TrafficControlCalls = Pick<
  Rtnetlink,
  'qdiscs' | 'addQdisc' | 'deleteQdisc' | 'ingressRedirects' | 'addIngressRedirect'
>

/** `1:` */
const ROOT_HANDLE = 0x00010000
/** Priority 1, ETH_P_ALL in network order. */
const ALL_PROTOCOLS = 0x00010300

export function trafficControlCalls(socket: NetlinkSocket): TrafficControlCalls {
  return {
    qdiscs() {
      const nameOf = deviceNames(socket)
      const body = encodeTrafficControl({ index: 0, handle: 0, parent: 0, info: 0 })
      return socket.dump('list qdiscs', RTM_GETQDISC, body).flatMap((each) => {
        const message = decodeTrafficControl(each)
        const device = nameOf(message.index)
        return device === undefined ? [] : [toQdisc(device, message)]
      })
    },
    addQdisc(qdisc) {
      const op = `add ${qdisc.kind} qdisc to ${qdisc.device}`
      const body = encodeTrafficControl(toMessage(qdisc, deviceIndex(socket, qdisc.device, op), op))
      socket.request(op, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, body)
    },
    deleteQdisc({ device, kind }) {
      const op = `delete ${kind} qdisc of ${device}`
      // The kernel's own, which comes back by itself, has no handle: ENOENT. None at all: EINVAL.
      return deleteUnlessMissing(['ENOENT', 'EINVAL'], () => {
        const index = deviceIndex(socket, device, op)
        const parent = kind === 'root' ? TC_H_ROOT : TC_H_INGRESS
        socket.request(
          op,
          RTM_DELQDISC,
          0,
          encodeTrafficControl({ index, handle: 0, parent, info: 0 }),
        )
      })
    },
    ingressRedirects(device) {
      const op = `list filters of ${device}`
      const nameOf = deviceNames(socket)
      const index = deviceIndex(socket, device, op)
      const body = encodeTrafficControl({ index, handle: 0, parent: INGRESS_HANDLE, info: 0 })
      return socket.dump(op, RTM_GETTFILTER, body).flatMap((each) => {
        const { redirectIndex } = decodeTrafficControl(each)
        const target = redirectIndex === undefined ? undefined : nameOf(redirectIndex)
        return target === undefined ? [] : [{ device, target }]
      })
    },
    addIngressRedirect({ device, target }) {
      const op = `redirect what comes in by ${device} to ${target}`
      const message = {
        index: deviceIndex(socket, device, op),
        handle: 0,
        parent: INGRESS_HANDLE,
        info: ALL_PROTOCOLS,
        kind: 'u32',
        redirectIndex: deviceIndex(socket, target, op),
      }
      socket.request(op, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, encodeTrafficControl(message))
    },
  }
}

function toMessage(qdisc: Qdisc, index: number, op: string): TrafficControlMessage {
  switch (qdisc.kind) {
    case 'tbf': {
      const { rateBytesPerSecond, limitBytes } = qdisc
      const tbf = { rateBytesPerSecond, limitBytes, bufferTicks: bufferTicks(qdisc) }
      return { index, handle: ROOT_HANDLE, parent: TC_H_ROOT, info: 0, kind: 'tbf', tbf }
    }
    case 'ingress':
      return { index, handle: INGRESS_HANDLE, parent: TC_H_INGRESS, info: 0, kind: 'ingress' }
    case 'other':
      throw new KernelError(op, 'EINVAL', { hint: 'it is of no kind that can be added' })
  }
}

function toQdisc(device: string, { kind, tbf }: TrafficControlMessage): Qdisc {
  if (kind === 'ingress') return { device, kind }
  if (kind !== 'tbf' || !tbf) return { device, kind: 'other' }
  const { rateBytesPerSecond, limitBytes, bufferTicks: ticks } = tbf
  const burst = burstBytes({ rateBytesPerSecond, bufferTicks: ticks })
  return { device, kind, rateBytesPerSecond, burstBytes: burst, limitBytes }
}
