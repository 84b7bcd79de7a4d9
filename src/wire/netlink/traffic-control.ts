import {
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeOptional,
  nested,
  optional,
} from './attributes.ts'
import { concat, readI32, readText, readU32, u32, zeroEnded } from './bytes.ts'
import { defined } from './defined.ts'

export const RTM_NEWQDISC = 36
export const RTM_DELQDISC = 37
export const RTM_GETQDISC = 38
export const RTM_NEWTFILTER = 44
export const RTM_GETTFILTER = 46

export const TC_H_ROOT = 0xffffffff
export const TC_H_INGRESS = 0xfffffff1
/** `ffff:`, what an ingress qdisc is called. */
export const INGRESS_HANDLE = 0xffff0000

/** Token bucket: `struct tc_tbf_qopt` (include/uapi/linux/pkt_sched.h). */
export interface TBF {
  readonly rateBytesPerSecond: number
  readonly limitBytes: number
  /** The burst as the time that it takes at that rate, in ticks of 64 ns (PSCHED_SHIFT). */
  readonly bufferTicks: number
}

/** Body of RTM_*QDISC and RTM_*TFILTER: `struct tcmsg` and attributes. */
export interface TrafficControlMessage {
  readonly index: number
  readonly handle: number
  readonly parent: number
  /** Of a filter: its priority, and the protocol in network order. */
  readonly info: number
  readonly kind?: string
  readonly tbf?: TBF
  /** Of a u32 filter that matches everything: the link that packets are sent to instead. */
  readonly redirectIndex?: number
}

const TCA = { KIND: 1, OPTIONS: 2 }
const TCA_TBF = { PARMS: 1, RATE64: 4 }
const TCA_U32 = { CLASSID: 1, SEL: 5, ACT: 7 }
const TCA_ACT = { KIND: 1, OPTIONS: 2 }
const TCA_MIRRED_PARMS = 2
const TC_ACT_STOLEN = 4
const TCA_EGRESS_REDIR = 1
const TCMSG_BYTES = 20
const RATESPEC_BYTES = 12
const MAX_U32 = 0xffffffff
const WHAT = 'traffic control message'

/** As in `tc filter … flowid 1:1`: where nothing is classified, any. */
const CLASS_ID = 0x00010001

export function encodeTrafficControl(message: TrafficControlMessage): Uint8Array {
  const { index, handle, parent, info, kind, tbf, redirectIndex } = message
  return concat([
    u32(0), // family and padding
    u32(index),
    u32(handle),
    u32(parent),
    u32(info),
    concatAttributes([
      optional(TCA.KIND, kind, zeroEnded),
      optional(TCA.OPTIONS, tbf, encodeTBF),
      optional(TCA.OPTIONS, redirectIndex, encodeRedirect),
    ]),
  ])
}

function encodeTBF({ rateBytesPerSecond, limitBytes, bufferTicks }: TBF): Uint8Array {
  const ratespec = Buffer.alloc(RATESPEC_BYTES)
  ratespec.writeUInt32LE(Math.min(rateBytesPerSecond, MAX_U32), 8)
  const rate64 = Buffer.alloc(8)
  rate64.writeBigUInt64LE(BigInt(rateBytesPerSecond))
  const peak = Buffer.alloc(RATESPEC_BYTES)
  const parameters = [ratespec, peak, u32(limitBytes), u32(bufferTicks), u32(0)]
  return concatAttributes([
    attribute(TCA_TBF.PARMS, concat(parameters)),
    rateBytesPerSecond > MAX_U32 ? attribute(TCA_TBF.RATE64, rate64) : undefined,
  ])
}

/** `u32 match u32 0 0 action mirred egress redirect dev …`. */
function encodeRedirect(index: number): Uint8Array {
  const TERMINAL = 1
  const selector = concat([Uint8Array.of(TERMINAL, 0, 1, 0), Buffer.alloc(12 + 16)])
  const mirred = [0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, index].map(u32)
  return concatAttributes([
    attribute(TCA_U32.CLASSID, u32(CLASS_ID)),
    attribute(TCA_U32.SEL, selector),
    nested(TCA_U32.ACT, [
      nested(1, [
        attribute(TCA_ACT.KIND, zeroEnded('mirred')),
        nested(TCA_ACT.OPTIONS, [attribute(TCA_MIRRED_PARMS, concat(mirred))]),
      ]),
    ]),
  ])
}

export function decodeTrafficControl(body: Uint8Array): TrafficControlMessage {
  const index = readI32(body, 4, WHAT)
  const [handle, parent] = [readU32(body, 8, WHAT), readU32(body, 12, WHAT)]
  const info = readU32(body, 16, WHAT)
  const attributes = decodeAttributes(body, TCMSG_BYTES, WHAT)
  const kind = decodeOptional(attributes, TCA.KIND, readText)
  const decode = <T>(of: string, read: (value: Uint8Array) => T) =>
    kind === of ? decodeOptional(attributes, TCA.OPTIONS, read) : undefined
  const [tbf, redirectIndex] = [decode('tbf', decodeTBF), decode('u32', decodeRedirect)]
  return { index, handle, parent, info, ...defined({ kind, tbf, redirectIndex }) }
}

function decodeTBF(value: Uint8Array): TBF | undefined {
  const attributes = decodeAttributes(value, 0, WHAT)
  const rate64 = decodeOptional(attributes, TCA_TBF.RATE64, (it) =>
    Number(Buffer.from(it).readBigUInt64LE()),
  )
  return decodeOptional(attributes, TCA_TBF.PARMS, (it) => ({
    rateBytesPerSecond: rate64 ?? readU32(it, 8, WHAT),
    limitBytes: readU32(it, 2 * RATESPEC_BYTES, WHAT),
    bufferTicks: readU32(it, 2 * RATESPEC_BYTES + 4, WHAT),
  }))
}

/** The first action, where it is a redirect. */
function decodeRedirect(value: Uint8Array): number | undefined {
  const inside = (bytes: Uint8Array | undefined) =>
    bytes ? decodeAttributes(bytes, 0, WHAT) : new Map<number, Uint8Array>()
  const action = inside(inside(inside(value).get(TCA_U32.ACT)).get(1))
  if (decodeOptional(action, TCA_ACT.KIND, readText) !== 'mirred') return
  const parameters = inside(action.get(TCA_ACT.OPTIONS)).get(TCA_MIRRED_PARMS)
  return parameters && readU32(parameters, 24, WHAT)
}
